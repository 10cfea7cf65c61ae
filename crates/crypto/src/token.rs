//! The secrets of tokens: made here, kept only as bcrypt hashes.
//!
//! [`hash`] and [`verify`] take tens of milliseconds of processor time by design: call them on the
//! blocking pool, behind a limit on how many run at once.

use zeroize::Zeroizing;

use crate::{Error, Secret, random};

#[cfg(test)]
mod tests;

/// The longest secret that has a hash. bcrypt reads 72 bytes of which the last is a NUL, and silently
/// ignores what comes after; a longer secret is refused instead of cut.
pub const SECRET_BYTES_MAX: usize = 71;

/// The characters in a generated secret: 43 of 62 carry 256 bits.
pub const SECRET_CHARS: usize = 43;

/// The work factor. A generated secret has 256 bits, so stretching adds nothing to it; 10 is the
/// customary floor and costs about 70 ms.
pub const COST: u32 = 10;

/// Letters and digits alone: safe in a shell, a URL, a header and a YAML file.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The largest multiple of 62 in a byte: bytes from here up are drawn again, so that every character
/// is equally likely.
const UNBIASED_BELOW: u8 = 248;

/// The hash that unknown keys are checked against: the one of a random secret that was thrown away.
const NOBODYS_HASH: &str = "$2b$10$2HhOk9eW6rtUjiGYxZbNteQXMSqse7XdvxLDWb4i0rivlYYyK36S.";

/// Makes a random secret of [`SECRET_CHARS`] letters and digits.
/// Fails if the operating system gives no random bytes.
pub fn generate() -> Result<Secret, Error> {
    let mut text = Zeroizing::new(String::with_capacity(SECRET_CHARS));
    while text.len() < SECRET_CHARS {
        let bytes = random::bytes::<64>()?;
        let room = SECRET_CHARS - text.len();
        let characters = bytes
            .iter()
            .filter(|byte| **byte < UNBIASED_BELOW)
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 62)))
            .map(|character| char::from(*character));
        text.extend(characters.take(room));
    }
    Ok(Secret::from(std::mem::take(&mut *text)))
}

/// Returns the bcrypt hash of `secret`. Blocking: about 70 ms.
///
/// Fails with [`Error::TooLong`] over [`SECRET_BYTES_MAX`], with [`Error::Empty`] for no text at
/// all, and without random bytes.
pub fn hash(secret: &Secret) -> Result<String, Error> {
    check_length(secret)?;
    bcrypt::non_truncating_hash(secret.expose(), COST).map_err(|_| Error::Random)
}

/// Says whether `secret` has this `hash`, in a time that does not depend on how much of it is right.
/// Blocking: about 70 ms.
///
/// A secret that [`hash`] would refuse has no hash, and is wrong without further work. Fails with
/// [`Error::InvalidHash`] if `hash` is damaged.
pub fn verify(secret: &Secret, hash: &str) -> Result<bool, Error> {
    if check_length(secret).is_err() {
        return Ok(false);
    }
    bcrypt::non_truncating_verify(secret.expose(), hash).map_err(|_| Error::InvalidHash)
}

/// Spends the time of [`verify`] on a key that does not exist, so that the time to the answer does
/// not tell which keys do. Blocking: about 70 ms.
pub fn verify_nobody(secret: &Secret) -> Result<(), Error> {
    verify(secret, NOBODYS_HASH).map(drop)
}

fn check_length(secret: &Secret) -> Result<(), Error> {
    let bytes = secret.expose().len();
    if bytes == 0 {
        return Err(Error::Empty { what: "secret" });
    }
    if bytes > SECRET_BYTES_MAX {
        return Err(Error::TooLong { what: "secret", bytes, bytes_max: SECRET_BYTES_MAX });
    }
    Ok(())
}
