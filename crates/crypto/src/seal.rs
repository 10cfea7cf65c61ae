//! The sealed envelope, version 1: bytes that open only under their data key, in their own place.
//!
//! ```text
//! "WR" | version=1 | suite=1 | flags=0 | reserved=0 | kind u16 | epoch u32 |
//! salt[32] | commitment[32] | ciphertext | tag[16]                             (big endian)
//!
//! key[32] || commitment[32] = HKDF-SHA256(
//!     ikm  = data key,
//!     salt = salt,
//!     info = "relay-seal-1" || kind u16 || len u32 || scope || len u32 || subject)
//! associated data = the 76 bytes before the ciphertext ||
//!     len u32 || scope || len u32 || subject || index u32 || last u8
//! ciphertext || tag = AES-256-GCM(key, nonce = 0, associated data, plaintext)
//! ```
//!
//! The salt is random, so every envelope has a key of its own and the nonce may be zero: there is no
//! counter to keep, to restore from a backup or to clone with a machine. The commitment makes the
//! envelope open under one key only (GCM alone does not promise that) and is compared in constant
//! time before anything is decrypted. Suite 1 is the only one; the list is an allow list.
//!
//! What an envelope does not hide: its length, and when it was written.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use bytes::{Buf, Bytes, BytesMut};
use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::encoding::put_prefixed;
use crate::key::{DataKey, KEY_BYTES, SCOPE_BYTES_MAX};
use crate::{Error, random};

#[cfg(test)]
mod cross_check;
#[cfg(test)]
mod tests;

/// How many bytes an envelope is longer than what it seals.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;

/// The longest subject: a directory key with two UUIDs is 79 bytes, the rest is room.
pub const SUBJECT_BYTES_MAX: usize = 256;

/// The longest plaintext of one envelope: the largest body that a server can be set to take. Larger
/// things are cut into chunks first.
pub const PLAINTEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

const MAGIC: [u8; 2] = *b"WR";
const VERSION: u8 = 1;
const SUITE_AES_256_GCM_HKDF_SHA256: u8 = 1;
const PREFIX_BYTES: usize = 12;
const SALT_BYTES: usize = 32;
const COMMITMENT_BYTES: usize = 32;
const HEADER_BYTES: usize = PREFIX_BYTES + SALT_BYTES + COMMITMENT_BYTES;
const TAG_BYTES: usize = 16;
const INFO_LABEL: &str = "relay-seal-1";

/// What an envelope holds. The numbers are stored: none is ever used again for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Kind {
    /// A webhook as it came.
    Event = 1,
    /// A piece of a body that is too large for its event.
    Chunk = 2,
    /// A record of the directory.
    Record = 3,
    /// What a destination answered.
    Answer = 4,
    /// The private key that signs session tokens.
    Signer = 5,
    /// A list of facts.
    Fact = 6,
    /// A message between services, sealed for the way and stored nowhere.
    Message = 7,
}

/// Where an envelope belongs. It opens only in the very place that it was sealed for: another kind,
/// scope, subject, index or end makes it refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// What is inside.
    pub kind: Kind,
    /// Whose data it is: the id of a bucket, or `system`. At most [`SCOPE_BYTES_MAX`] bytes.
    pub scope: &'a str,
    /// Which thing it is, unique within kind and scope: an event id, a directory key. At most
    /// [`SUBJECT_BYTES_MAX`] bytes.
    pub subject: &'a [u8],
    /// Which piece of the thing, from 0.
    pub index: u32,
    /// Whether this is the last piece, so that a cut-off sequence is noticed.
    pub last: bool,
}

impl<'a> Context<'a> {
    /// The place of a thing that is one piece.
    pub fn whole(kind: Kind, scope: &'a str, subject: &'a [u8]) -> Self {
        Self { kind, scope, subject, index: 0, last: true }
    }
}

/// Seals `plaintext` for `context` under the data key of `epoch`; the epoch travels in clear, so
/// that the opener finds the key. The envelope is one allocation and is encrypted in place.
///
/// Fails if plaintext, scope or subject are over their limits, or without random bytes.
pub fn seal(key: &DataKey, epoch: u32, context: &Context<'_>, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
    let salt = random::bytes::<SALT_BYTES>()?;
    seal_with_salt(key, epoch, context, plaintext, &salt)
}

/// Opens an envelope that was sealed for `context`, in place if `sealed` is the only handle to its
/// memory, otherwise in a copy.
///
/// Fails with [`Error::NotAnEnvelope`] or [`Error::Unsupported`] by what stands in clear, and with
/// [`Error::Refused`], which does not say why, by anything else.
pub fn open(key: &DataKey, context: &Context<'_>, sealed: Bytes) -> Result<Bytes, Error> {
    let header = Header::parse(&sealed)?;
    if header.kind != context.kind as u16 {
        return Err(Error::Refused);
    }
    let message = MessageKeys::derive(key, &header.salt, context)?;
    if !bool::from(message.commitment.ct_eq(&header.commitment)) {
        return Err(Error::Refused);
    }
    let aad = associated_data(&header.to_bytes(), context)?;

    let mut buffer = sealed.try_into_mut().unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
    buffer.advance(HEADER_BYTES);
    let (_, tag) = buffer.split_last_chunk().ok_or(Error::NotAnEnvelope)?;
    let tag: [u8; TAG_BYTES] = *tag;
    buffer.truncate(buffer.len() - TAG_BYTES);
    message
        .cipher()
        .decrypt_inout_detached(&Nonce::default(), &aad, buffer.as_mut().into(), &tag.into())
        .map_err(|_| Error::Refused)?;
    Ok(buffer.freeze())
}

/// Returns the epoch of the data key that opens `sealed`, as it stands in clear: nothing is
/// authenticated until [`open`] is.
///
/// Fails with [`Error::NotAnEnvelope`] or [`Error::Unsupported`].
pub fn epoch_of(sealed: &[u8]) -> Result<u32, Error> {
    Header::parse(sealed).map(|header| header.epoch)
}

fn seal_with_salt(
    key: &DataKey,
    epoch: u32,
    context: &Context<'_>,
    plaintext: &[u8],
    salt: &[u8; SALT_BYTES],
) -> Result<Vec<u8>, Error> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(plaintext_too_long(plaintext.len()));
    }
    let message = MessageKeys::derive(key, salt, context)?;
    let header = Header { kind: context.kind as u16, epoch, salt: *salt, commitment: message.commitment }.to_bytes();
    let aad = associated_data(&header, context)?;

    let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD_BYTES);
    sealed.extend_from_slice(&header);
    sealed.extend_from_slice(plaintext);
    let (_, body) = sealed.split_at_mut(HEADER_BYTES);
    let tag = message
        .cipher()
        .encrypt_inout_detached(&Nonce::default(), &aad, body.into())
        .map_err(|_| plaintext_too_long(plaintext.len()))?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

fn plaintext_too_long(bytes: usize) -> Error {
    Error::TooLong { what: "plaintext", bytes, bytes_max: PLAINTEXT_BYTES_MAX }
}

/// What stands in clear before the ciphertext. Magic, version, suite, flags and the reserved byte
/// have one value each in version 1, so they are not kept.
struct Header {
    kind: u16,
    epoch: u32,
    salt: [u8; SALT_BYTES],
    commitment: [u8; COMMITMENT_BYTES],
}

impl Header {
    fn parse(sealed: &[u8]) -> Result<Self, Error> {
        if sealed.len() < OVERHEAD_BYTES {
            return Err(Error::NotAnEnvelope);
        }
        let (prefix, rest) = take::<PREFIX_BYTES>(sealed)?;
        let (salt, rest) = take::<SALT_BYTES>(rest)?;
        let (commitment, _) = take::<COMMITMENT_BYTES>(rest)?;
        let [m0, m1, version, suite, flags, reserved, k0, k1, epoch @ ..] = *prefix;
        if [m0, m1] != MAGIC {
            return Err(Error::NotAnEnvelope);
        }
        expect("version", version, VERSION)?;
        expect("suite", suite, SUITE_AES_256_GCM_HKDF_SHA256)?;
        expect("flags", flags, 0)?;
        expect("reserved byte", reserved, 0)?;
        Ok(Self {
            kind: u16::from_be_bytes([k0, k1]),
            epoch: u32::from_be_bytes(epoch),
            salt: *salt,
            commitment: *commitment,
        })
    }

    fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields: [&[u8]; 6] = [
            &MAGIC,
            &[VERSION, SUITE_AES_256_GCM_HKDF_SHA256, 0, 0],
            &self.kind.to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &self.salt,
            &self.commitment,
        ];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Error> {
    bytes.split_first_chunk().ok_or(Error::NotAnEnvelope)
}

fn expect(field: &'static str, value: u8, known: u8) -> Result<(), Error> {
    if value == known { Ok(()) } else { Err(Error::Unsupported { field, value }) }
}

/// The key of one envelope and the commitment to it.
struct MessageKeys {
    key: Zeroizing<[u8; KEY_BYTES]>,
    commitment: [u8; COMMITMENT_BYTES],
}

impl MessageKeys {
    fn derive(key: &DataKey, salt: &[u8; SALT_BYTES], context: &Context<'_>) -> Result<Self, Error> {
        let mut info = Vec::with_capacity(INFO_LABEL.len() + 2 + 4 + context.scope.len() + 4 + context.subject.len());
        info.extend_from_slice(INFO_LABEL.as_bytes());
        info.extend_from_slice(&(context.kind as u16).to_be_bytes());
        put_place(&mut info, context)?;
        let mut output = Zeroizing::new([0; KEY_BYTES + COMMITMENT_BYTES]);
        Hkdf::<Sha256>::new(Some(salt), key.expose())
            .expand(&info, output.as_mut_slice())
            .map_err(|_| Error::Refused)?;
        let (key, commitment) = output.split_at(KEY_BYTES);
        let mut keys = Self { key: Zeroizing::new([0; KEY_BYTES]), commitment: [0; COMMITMENT_BYTES] };
        keys.key.copy_from_slice(key);
        keys.commitment.copy_from_slice(commitment);
        Ok(keys)
    }

    fn cipher(&self) -> Aes256Gcm {
        let key: &[u8; KEY_BYTES] = &self.key;
        Aes256Gcm::new(key.into())
    }
}

fn associated_data(header: &[u8; HEADER_BYTES], context: &Context<'_>) -> Result<Vec<u8>, Error> {
    let mut aad = Vec::with_capacity(HEADER_BYTES + 4 + context.scope.len() + 4 + context.subject.len() + 4 + 1);
    aad.extend_from_slice(header);
    put_place(&mut aad, context)?;
    aad.extend_from_slice(&context.index.to_be_bytes());
    aad.push(u8::from(context.last));
    Ok(aad)
}

/// Appends scope and subject, each with its length before it.
fn put_place(target: &mut Vec<u8>, context: &Context<'_>) -> Result<(), Error> {
    put_prefixed(target, "scope", context.scope.as_bytes(), SCOPE_BYTES_MAX)?;
    put_prefixed(target, "subject", context.subject, SUBJECT_BYTES_MAX)
}
