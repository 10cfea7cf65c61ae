//! Session tokens: a signed statement, good for minutes, that a secret was verified.
//!
//! They are PASETO v4.public (Ed25519; no algorithm field that a caller could choose). `auth` signs;
//! everybody else holds public keys alone. The footer names the signer, so that two may be valid
//! while one replaces the other. The payload is our own JSON: none of PASETO's registered claims,
//! whose times are text.

use std::fmt;
use std::str::FromStr;

use model::{AccountId, TokenId};
use pasetors::Public;
use pasetors::keys::{AsymmetricKeyPair, AsymmetricPublicKey, AsymmetricSecretKey, Generate};
use pasetors::token::UntrustedToken;
use pasetors::version4::{PublicToken, V4};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Error;
use crate::encoding::{self, ID_BYTES, hex_id};

#[cfg(test)]
mod tests;

/// The longest session token: about 600 bytes are used, and no more is ever parsed.
pub const SESSION_BYTES_MAX: usize = 1024;

/// How far ahead the clock of the signer may be, in seconds. It stretches nothing: a session ends at
/// its `expires_at` by the clock of the verifier.
pub const LEEWAY_SECONDS: u64 = 60;

const PUBLIC_KEY_BYTES: usize = 32;
const SECRET_KEY_BYTES: usize = 64;
const SEED_BYTES: usize = 32;
const ID_LABEL: &str = "relay-signer-1";

/// The id of a signer: the first 8 bytes of `SHA-256("relay-signer-1" || public key)`, written as 16
/// hexadecimal digits. It stands in the footer of every token that the signer made.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignerId([u8; ID_BYTES]);

hex_id!(SignerId);

/// The service that a session is for; another one refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The dispatcher, where agents connect.
    Dispatcher,
    /// The REST API.
    Api,
}

/// What a session token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The id of this session token.
    pub id: Uuid,
    /// The account.
    pub account: AccountId,
    /// The token whose secret was verified.
    pub token: TokenId,
    /// The generation that the token had then; a later one ends the session.
    pub generation: u64,
    /// The service that it is for.
    pub audience: Audience,
    /// When it was signed, in seconds since the Unix epoch.
    pub issued_at: u64,
    /// When it ends, in seconds since the Unix epoch; it is refused from this second on.
    pub expires_at: u64,
}

/// Why a session token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It has the wrong form, was signed by nobody we know of that name, or was changed.
    #[error("session token is not valid")]
    Refused,
    /// It names a signer whose public key was not given; a fresh look at the directory may help.
    #[error("session token was signed by unknown signer {0}")]
    UnknownSigner(SignerId),
    /// Its time is over: the holder has to renew it.
    #[error("session token has expired")]
    Expired,
    /// It was signed more than [`LEEWAY_SECONDS`] in the future: a clock is wrong.
    #[error("session token was signed in the future")]
    SignedInFuture,
    /// It is for another service.
    #[error("session token is for another service")]
    WrongAudience,
}

/// The private key that signs session tokens.
pub struct Signer {
    secret: AsymmetricSecretKey<V4>,
    public: PublicKey,
}

impl Signer {
    /// Makes a new key pair. Fails if the operating system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        let pair = AsymmetricKeyPair::<V4>::generate().map_err(|_| Error::Random)?;
        Self::from_secret_bytes(pair.secret.as_bytes())
    }

    /// Reads what [`Signer::to_secret_bytes`] wrote. Fails if the two halves do not match.
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidKey { what: "signing key", reason };
        let Some((seed, public)) = bytes.split_at_checked(SEED_BYTES) else {
            return Err(invalid("too short"));
        };
        // The library below panics on this one seed.
        if seed.iter().all(|byte| *byte == 0) {
            return Err(invalid("all its bytes are zero"));
        }
        let public = public.try_into().map_err(|_| invalid("wrong length"))?;
        let secret = AsymmetricSecretKey::from(bytes).map_err(|_| invalid("its halves do not belong together"))?;
        Ok(Self { secret, public: PublicKey(public) })
    }

    /// Returns the private key (seed, then public key; 64 bytes), to be sealed before it is stored.
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; SECRET_KEY_BYTES]> {
        let mut bytes = Zeroizing::new([0; SECRET_KEY_BYTES]);
        for (to, from) in bytes.iter_mut().zip(self.secret.as_bytes()) {
            *to = *from;
        }
        bytes
    }

    /// Returns the id that tokens signed by this key carry.
    pub fn id(&self) -> SignerId {
        self.public.id()
    }

    /// Returns the half that verifies.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Signs `claims`. Fails only if they do not serialize, or sign to more than
    /// [`SESSION_BYTES_MAX`].
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let payload = serde_json::to_vec(claims).map_err(|_| Error::Refused)?;
        let footer = serde_json::to_vec(&Footer { kid: self.id() }).map_err(|_| Error::Refused)?;
        let token = PublicToken::sign(&self.secret, &payload, Some(&footer), None).map_err(|_| Error::Refused)?;
        if token.len() > SESSION_BYTES_MAX {
            return Err(Error::TooLong { what: "session token", bytes: token.len(), bytes_max: SESSION_BYTES_MAX });
        }
        Ok(token)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.id())
    }
}

/// The public key that verifies session tokens; as text, standard base64 of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(#[serde(with = "encoding::base64_array")] [u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// Returns the id that tokens signed by the other half carry.
    pub fn id(&self) -> SignerId {
        SignerId(encoding::id_of(ID_LABEL, &self.0))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::to_base64(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        encoding::array_from_base64(text)
            .map(|bytes| Self(*bytes))
            .ok_or(Error::InvalidKey { what: "public key", reason: "expected 32 bytes in standard base64" })
    }
}

/// Checks `token` against the public keys of the signers that are valid now, and returns what it
/// says. `now` is in seconds since the Unix epoch. The signature is checked before anything inside
/// is believed; whether the token behind it still has that generation is for the caller to ask.
pub fn verify(token: &str, keys: &[PublicKey], audience: Audience, now: u64) -> Result<Claims, SessionError> {
    if token.len() > SESSION_BYTES_MAX {
        return Err(SessionError::Refused);
    }
    let untrusted = UntrustedToken::<Public, V4>::try_from(token).map_err(|_| SessionError::Refused)?;
    let footer: Footer = serde_json::from_slice(untrusted.untrusted_footer()).map_err(|_| SessionError::Refused)?;
    let key = keys.iter().find(|key| key.id() == footer.kid).ok_or(SessionError::UnknownSigner(footer.kid))?;
    let key = AsymmetricPublicKey::from(&key.0).map_err(|_| SessionError::Refused)?;
    let trusted = PublicToken::verify(&key, &untrusted, None, None).map_err(|_| SessionError::Refused)?;
    let claims: Claims = serde_json::from_str(trusted.payload()).map_err(|_| SessionError::Refused)?;
    if claims.audience != audience {
        return Err(SessionError::WrongAudience);
    }
    if claims.issued_at > now.saturating_add(LEEWAY_SECONDS) {
        return Err(SessionError::SignedInFuture);
    }
    if now >= claims.expires_at {
        return Err(SessionError::Expired);
    }
    Ok(claims)
}

/// The part of a token that names its signer; PASETO reserves `kid` for that.
#[derive(Serialize, Deserialize)]
struct Footer {
    kid: SignerId,
}
