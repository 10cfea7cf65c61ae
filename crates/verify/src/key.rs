//! The owner's secrets, as the schemes read them.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::encoding::Encoding;

/// Before a base64 secret of Standard Webhooks.
const SECRET_PREFIX: &str = "whsec_";
/// Before a base64 Ed25519 public key of Standard Webhooks.
const PUBLIC_PREFIX: &str = "whpk_";
/// How a certificate in PEM (RFC 7468) begins.
const PEM_PREFIX: &str = "-----BEGIN CERTIFICATE-----";
/// The size of an Ed25519 public key (RFC 8032).
const ED25519_BYTES: usize = 32;
/// What stands before the point in a public key on P-256 (SubjectPublicKeyInfo, RFC 5480).
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The size of an uncompressed point on P-256.
const P256_POINT_BYTES: usize = 65;

/// What a secret or public key comes to. It does not print and is wiped.
pub(crate) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// How a secret is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// Its text is the key.
    Text,
    /// Its text, unless it begins with `whsec_`.
    Token,
    /// `whsec_` and base64.
    Signing,
    /// Base64, with `whsec_` before it or not; not what begins with `whpk_`.
    StandardSecret,
    /// `whpk_` and base64 of an Ed25519 public key.
    StandardPublic,
    /// Hexadecimal.
    Hex,
    /// Hexadecimal of an Ed25519 public key.
    Ed25519,
    /// Base64 of a public key on P-256.
    P256,
    /// `user:password`.
    UserPassword,
    /// A certificate in PEM.
    Certificate,
    /// Its text, unless it is a certificate.
    NoCertificate,
}

/// A secret that does not have its scheme's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Nothing.
    #[error("is empty")]
    Empty,
    /// It is not written as it should be.
    #[error("must be base64, as the provider shows it")]
    Base64,
    /// As above.
    #[error("must begin with whsec_ or whpk_, as the provider shows it")]
    Standard,
    /// As above.
    #[error("must be hexadecimal, as the provider shows it")]
    Hex,
    /// As above.
    #[error("must be the provider's public key (64 hexadecimal digits)")]
    Ed25519,
    /// As above.
    #[error("must be the provider's public key (base64, ECDSA on P-256)")]
    P256,
    /// As above.
    #[error("must be user:password")]
    UserPassword,
    /// As above.
    #[error("must be a certificate in PEM")]
    Certificate,
}

impl KeyForm {
    /// Reads a secret; nothing when it is for another scheme of the same provider.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub(crate) fn read(self, secret: &str) -> Result<Option<Key>, InvalidSecret> {
        let text = secret.trim();
        if text.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        let decoded = |text: &str, encoding: Encoding, invalid| match encoding.decode(text) {
            Some(bytes) if !bytes.is_empty() => Ok(Some(Key::from(bytes))),
            Some(_) | None => Err(invalid),
        };
        let is_certificate = text.starts_with(PEM_PREFIX);
        match self {
            // As it was given: white space may be part of it.
            Self::Text => Ok(Some(Key::from(secret.as_bytes().to_vec()))),
            Self::Token if text.starts_with(SECRET_PREFIX) => Ok(None),
            Self::Token => Ok(Some(Key::from(secret.as_bytes().to_vec()))),
            Self::Signing => match text.strip_prefix(SECRET_PREFIX) {
                Some(rest) => decoded(rest, Encoding::Base64, InvalidSecret::Base64),
                None => Ok(None),
            },
            Self::StandardSecret if text.starts_with(PUBLIC_PREFIX) => Ok(None),
            Self::StandardSecret => {
                decoded(text.strip_prefix(SECRET_PREFIX).unwrap_or(text), Encoding::Base64, InvalidSecret::Standard)
            }
            Self::StandardPublic => match text.strip_prefix(PUBLIC_PREFIX).map(|text| Encoding::Base64.decode(text)) {
                None => Ok(None),
                Some(Some(bytes)) if bytes.len() == ED25519_BYTES => Ok(Some(Key::from(bytes))),
                Some(_) => Err(InvalidSecret::Standard),
            },
            Self::Hex => decoded(text, Encoding::Hex, InvalidSecret::Hex),
            Self::Ed25519 => match Encoding::Hex.decode(text) {
                Some(bytes) if bytes.len() == ED25519_BYTES => Ok(Some(Key::from(bytes))),
                Some(_) | None => Err(InvalidSecret::Ed25519),
            },
            Self::P256 => p256_point(text).map(Some).ok_or(InvalidSecret::P256),
            Self::UserPassword if !text.contains(':') => Err(InvalidSecret::UserPassword),
            Self::UserPassword => Ok(Some(Key::from(secret.as_bytes().to_vec()))),
            Self::Certificate if !is_certificate => Ok(None),
            Self::Certificate => certificate(text).map(Some).ok_or(InvalidSecret::Certificate),
            Self::NoCertificate => Ok((!is_certificate).then(|| Key::from(text.as_bytes().to_vec()))),
        }
    }
}

fn p256_point(text: &str) -> Option<Key> {
    let whole = Encoding::Base64.decode(text)?;
    let point = whole.strip_prefix(&P256_HEAD)?;
    (point.len() == P256_POINT_BYTES).then(|| Key::from(point.to_vec()))
}

fn certificate(text: &str) -> Option<Key> {
    let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    webpki::EndEntityCert::try_from(&der).ok()?;
    Some(Key::from(der.to_vec()))
}
