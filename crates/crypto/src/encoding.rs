//! Bytes as text: base64 in stored records, hexadecimal in ids.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serializer, de};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Error;

/// How many bytes of a hash make an id: enough that two keys of one installation never share one.
pub(crate) const ID_BYTES: usize = 8;

/// Returns the first [`ID_BYTES`] of `SHA-256(label || bytes)`, the id of a key.
pub(crate) fn id_of(label: &str, bytes: &[u8]) -> [u8; ID_BYTES] {
    let mut hash = Sha256::new();
    hash.update(label.as_bytes());
    hash.update(bytes);
    let mut id = [0; ID_BYTES];
    for (to, from) in id.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    id
}

/// Reads an id from 16 lower-case hexadecimal digits; anything else is `None`.
pub(crate) fn id_from_hex(text: &str) -> Option<[u8; ID_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != ID_BYTES * 2 {
        return None;
    }
    let mut id = [0; ID_BYTES];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(id)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Reads exactly `N` bytes from standard base64 with padding; anything else is `None`.
pub(crate) fn array_from_base64<const N: usize>(text: &str) -> Option<Zeroizing<[u8; N]>> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    let mut array = Zeroizing::new([0; N]);
    if bytes.len() != N {
        return None;
    }
    array.copy_from_slice(&bytes);
    Some(array)
}

/// Appends the length of `part` (u32, big endian) and `part`, so that two lists of parts never come
/// out as the same bytes. Fails if `part` is longer than `bytes_max`.
pub(crate) fn put_prefixed(
    target: &mut Vec<u8>,
    what: &'static str,
    part: &[u8],
    bytes_max: usize,
) -> Result<(), Error> {
    let too_long = || Error::TooLong { what, bytes: part.len(), bytes_max };
    if part.len() > bytes_max {
        return Err(too_long());
    }
    let length = u32::try_from(part.len()).map_err(|_| too_long())?;
    target.extend_from_slice(&length.to_be_bytes());
    target.extend_from_slice(part);
    Ok(())
}

/// Writes bytes as standard base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// For `#[serde(with = …)]` on `[u8; N]`: standard base64 text.
pub(crate) mod base64_array {
    use super::{Deserialize, Deserializer, Serializer, array_from_base64, de, to_base64};

    pub(crate) fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_base64(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        array_from_base64(&text)
            .map(|bytes| *bytes)
            .ok_or_else(|| de::Error::custom(format_args!("not {N} bytes in base64")))
    }
}

/// Gives an id newtype around `[u8; ID_BYTES]` its text form: Display, Debug, FromStr, serde.
macro_rules! hex_id {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::encoding::id_from_hex(text)
                    .map(Self)
                    .ok_or(crate::Error::InvalidKey { what: "key id", reason: "not 16 lower-case hexadecimal digits" })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use hex_id;
