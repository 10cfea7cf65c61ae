//! Signed requests (RFC 8555, section 6.2; RFC 7515).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::Problem;
use super::state::Orders;

/// The public key of an account, on the curve P-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    x: String,
    y: String,
}

/// A request whose signature was right.
pub(super) struct Signed {
    /// Whose.
    pub(super) key: Key,
    /// What was signed; null for a mere reading.
    pub(super) payload: Value,
}

impl Key {
    fn of_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk[name].as_str().map(str::to_owned);
        let is_p256 = jwk["kty"] == "EC" && jwk["crv"] == "P-256";
        is_p256.then(|| Some(Self { x: text("x")?, y: text("y")? })).flatten()
    }

    /// What proves who answers a challenge (RFC 8555, section 8.1), with the thumbprint of RFC 7638.
    pub(super) fn authorization(&self, token: &str) -> String {
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, self.x, self.y);
        let thumbprint = digest(&SHA256, canonical.as_bytes());
        format!("{token}.{}", BASE64_URL_SAFE_NO_PAD.encode(thumbprint))
    }

    fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let point = [&[4], &part(&self.x)[..], &part(&self.y)[..]].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
    }
}

impl Signed {
    /// Reads a request to `url` and checks all of it.
    pub(super) fn read(body: &[u8], url: &str, orders: &mut Orders) -> Result<Self, Problem> {
        let malformed = |why: &str| (400, "malformed", why.to_owned());
        let jws: Value = serde_json::from_slice(body).map_err(|_| malformed("no JSON"))?;
        let text = |name: &str| jws[name].as_str().unwrap_or_default();
        let decode = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)).map_err(|_| malformed(name));
        let header: Value =
            serde_json::from_slice(&decode("protected")?).map_err(|_| malformed("the header is no JSON"))?;
        if header["alg"] != "ES256" {
            return Err((400, "badSignatureAlgorithm", "only ES256 is taken".to_owned()));
        }
        if header["url"] != url {
            return Err((401, "unauthorized", format!("signed for {}, sent to {url}", header["url"])));
        }
        let (jwk, kid) = (Key::of_jwk(&header["jwk"]), header["kid"].as_str());
        let key = match (jwk, kid) {
            (Some(key), None) if url.ends_with("/new-account") => key,
            (None, Some(kid)) => orders.key_of(kid).ok_or((400, "accountDoesNotExist", kid.to_owned()))?,
            _ => return Err(malformed("either a key, for a new account, or an account")),
        };
        let message = format!("{}.{}", text("protected"), text("payload"));
        if !key.has_signed(message.as_bytes(), &decode("signature")?) {
            return Err((400, "malformed", "the signature is wrong".to_owned()));
        }
        if !orders.take_nonce(header["nonce"].as_str().unwrap_or_default()) {
            return Err((400, "badNonce", "this nonce is none of ours, or was used".to_owned()));
        }
        let payload = decode("payload")?;
        let payload = match payload.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&payload).map_err(|_| malformed("the payload is no JSON"))?,
        };
        Ok(Self { key, payload })
    }

    /// The bytes in a field.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, Problem> {
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(self.payload[name].as_str().unwrap_or_default());
        decoded.map_err(|_| (400, "malformed", format!("{name} is no base64")))
    }
}
