//! Signatures of the body in rules.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::node::Hash;

/// Whether `given` has a signature of `body`: hexadecimal, behind its prefix (`sha256=`) or alone;
/// of several, separated by commas, each behind its prefix, one has to be right.
pub(super) fn signs(hash: Hash, secret: &str, body: &[u8], given: &[u8]) -> bool {
    let (prefix, right) = match hash {
        Hash::Sha1 => ("sha1=", hex::<Hmac<Sha1>>(secret, body)),
        Hash::Sha256 => ("sha256=", hex::<Hmac<Sha256>>(secret, body)),
        Hash::Sha512 => ("sha512=", hex::<Hmac<Sha512>>(secret, body)),
    };
    let (Some(right), Ok(given)) = (right, std::str::from_utf8(given)) else {
        return false;
    };
    let is_right = |signature: &str| bool::from(signature.to_ascii_lowercase().as_bytes().ct_eq(right.as_bytes()));
    match given.contains(',') {
        true => given.split(',').filter_map(|part| part.trim().strip_prefix(prefix)).any(is_right),
        false => is_right(given.strip_prefix(prefix).unwrap_or(given)),
    }
}

fn hex<M: Mac + KeyInit>(secret: &str, body: &[u8]) -> Option<String> {
    // HMAC takes keys of any length; the type cannot say so.
    let mut mac = <M as KeyInit>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}
