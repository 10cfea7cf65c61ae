//! The `Authorization` header (RFC 9110, section 11.6.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::token::SECRET_BYTES_MAX;
use crypto::{Secret, api_key};
use http::{HeaderMap, header};
use model::TokenId;

/// What a caller presents.
#[derive(Debug)]
pub(super) enum Credentials {
    /// A token's key and secret, as user and password of Basic (RFC 7617), or as an API key.
    Basic {
        /// The key.
        key: TokenId,
        /// The secret.
        secret: Secret,
    },
    /// A session token, as Bearer (RFC 6750).
    Session(Secret),
}

impl Credentials {
    /// Reads them; `None` when there are none, more than one, or none that could be good.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            return Self::basic(rest);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        match api_key::read(rest) {
            Some((key, secret)) => Self::of_token(key, secret),
            None => Some(Self::Session(Secret::from(rest.to_owned()))),
        }
    }

    fn basic(encoded: &str) -> Option<Self> {
        let pair = Secret::from(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?);
        let (key, secret) = pair.expose().split_once(':')?;
        let (key, secret) = api_key::pair(key, Secret::from(secret.to_owned()))?;
        Self::of_token(key, secret)
    }

    /// `None` for a secret that no token has.
    fn of_token(key: TokenId, secret: Secret) -> Option<Self> {
        let length_is_possible = (1..=SECRET_BYTES_MAX).contains(&secret.expose().len());
        length_is_possible.then_some(Self::Basic { key, secret })
    }
}

#[cfg(test)]
mod tests;
