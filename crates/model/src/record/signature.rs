//! The provider's signature that an input demands of its callers, and the secret that an output's
//! webhooks are signed with.

use serde::{Deserialize, Serialize};

/// How webhooks are verified.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Whose scheme; a name that the verifier knows.
    pub provider: String,
    /// The secrets, any of which may have signed: an owner who rotates has two for a while.
    pub secrets: Vec<String>,
    /// What happens to a webhook that does not verify.
    #[serde(default)]
    pub policy: SignaturePolicy,
    /// How much older or newer than now a signed time may be, in seconds; 0 for the provider's own.
    #[serde(default)]
    pub tolerance_seconds: u32,
    /// The scheme itself where no provider's is named.
    #[serde(default)]
    pub custom: Option<CustomSignature>,
}

/// An HMAC scheme that the owner describes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomSignature {
    /// `sha1`, `sha256` or `sha512`.
    pub algorithm: String,
    /// The header that carries it.
    pub header: String,
    /// `hex` or `base64`.
    pub encoding: String,
    /// What stands before it in the header.
    #[serde(default)]
    pub prefix: String,
    /// What is signed, such as `{timestamp}.{body}`; empty for the body.
    #[serde(default)]
    pub template: String,
    /// The header that carries the signed time; empty for none.
    #[serde(default)]
    pub timestamp_header: String,
}

/// What happens to a webhook whose signature does not verify.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignaturePolicy {
    /// Its caller gets 401, and it goes nowhere.
    #[default]
    Reject,
    /// Its caller gets the plain answer, and it goes nowhere.
    Drop,
    /// It is delivered, with the verdict beside it.
    Mark,
}

/// A secret that the relay signs with, in the form of Standard Webhooks. It does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningSecret(pub String);

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

impl std::fmt::Debug for Signature {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signature")
            .field("provider", &self.provider)
            .field("secrets", &self.secrets.len())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
