//! A name for a presented secret that means nothing outside this process.
//!
//! Remembering that a secret was verified needs a key to remember it by, and that key must not be
//! the secret, nor a hash that could be tried offline from a memory dump of another machine. HMAC
//! with a random key per process is both, and costs a fraction of a microsecond.

use std::fmt;
use std::hash::{Hash, Hasher};

use hkdf::hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{Error, Secret, random};

#[cfg(test)]
mod tests;

const FINGERPRINT_BYTES: usize = 32;

/// Makes fingerprints. Two of them, in one process or two, never agree on one.
pub struct Fingerprinter(Zeroizing<[u8; FINGERPRINT_BYTES]>);

impl Fingerprinter {
    /// Draws the random key. Fails if the operating system gives no random bytes.
    pub fn new() -> Result<Self, Error> {
        random::bytes().map(Self)
    }

    /// Returns the fingerprint of `secret` presented for `key` (the public half of the token).
    pub fn fingerprint(&self, key: &str, secret: &Secret) -> Result<Fingerprint, Error> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).map_err(|_| Error::Refused)?;
        // The length before the key keeps ("ab", "c") and ("a", "bc") apart.
        mac.update(&(key.len() as u64).to_be_bytes());
        mac.update(key.as_bytes());
        mac.update(secret.expose().as_bytes());
        Ok(Fingerprint(mac.finalize().into_bytes().into()))
    }
}

impl fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprinter(…)")
    }
}

/// Stands for one key and secret within one process. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}
