//! A name for something that outsiders wrote, that means nothing without the data key.
//!
//! Streams and keys of NATS carry no user text. Where equal things must be told as equal there, such
//! as two tries of one webhook, they are named by an HMAC under a key derived from the data key.

use hkdf::Hkdf;
use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;
use crate::encoding::ID_BYTES;
use crate::key::{DataKey, KEY_BYTES};

#[cfg(test)]
mod tests;

const LABEL: &[u8] = b"relay-pseudonym-1";
/// How much of the code is the name, in bytes: two names are alike by chance once in 2^128.
const NAME_BYTES: usize = 2 * ID_BYTES;

/// The name of `parts` under a data key, as 32 hexadecimal digits. Where one part ends and the next
/// begins is part of what is named.
///
/// # Errors
/// None that can happen with the lengths used here.
pub fn of(key: &DataKey, parts: &[&[u8]]) -> Result<String, Error> {
    let mut derived = Zeroizing::new([0; KEY_BYTES]);
    Hkdf::<Sha256>::new(None, key.expose()).expand(LABEL, derived.as_mut_slice()).map_err(|_| Error::Refused)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(derived.as_slice()).map_err(|_| Error::Refused)?;
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let code = mac.finalize().into_bytes();
    Ok(code.iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect())
}
