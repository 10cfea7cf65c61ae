//! What the agent shows to open a session.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use model::UnixMs;
use proto::v1::SessionToken;

use crate::secret::Secret;

/// A token that ends sooner than this is not used any more: it could end on the way.
const MARGIN: Duration = Duration::from_secs(5);

/// Key and secret, and the session token that was given for them.
#[derive(Debug)]
pub struct Credentials {
    key: String,
    secret: Secret,
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    expires_at: UnixMs,
}

/// Which credentials were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Key and secret; nothing else is left when they are refused.
    Secret,
    /// The session token, which the server can check without much work.
    Token,
}

impl Credentials {
    /// The credentials of the token `key`.
    pub fn new(key: String, secret: Secret) -> Self {
        Self { key, secret, token: Mutex::new(None) }
    }

    /// The value of the `Authorization` header with key and secret (RFC 7617).
    pub fn basic(&self) -> String {
        let pair = format!("{}:{}", self.key, self.secret.reveal());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }

    /// The value of the `Authorization` header: the session token while it lasts.
    pub(super) fn authorization(&self, now: UnixMs) -> (String, Shown) {
        match &*self.lock() {
            Some(token) if token.expires_at > now.plus(MARGIN) => {
                (format!("Bearer {}", token.text.reveal()), Shown::Token)
            }
            Some(_) | None => (self.basic(), Shown::Secret),
        }
    }

    /// A new session token was given.
    pub(super) fn renew(&self, token: SessionToken) {
        *self.lock() = Some(Token { text: token.token.into(), expires_at: UnixMs(token.expires_at_ms) });
    }

    /// The session token was refused.
    pub(super) fn forget_token(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Token>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_token_is_shown_while_it_lasts() {
        let credentials = Credentials::new("key".into(), "hush".to_owned().into());
        let now = UnixMs(1_000_000);
        let basic = ("Basic a2V5Omh1c2g=".to_owned(), Shown::Secret);
        assert_eq!(credentials.authorization(now), basic);
        credentials.renew(SessionToken { token: "abc".into(), expires_at_ms: now.0 + 6_000 });
        assert_eq!(credentials.authorization(now), ("Bearer abc".to_owned(), Shown::Token));
        assert_eq!(credentials.authorization(now.plus(Duration::from_secs(1))), basic);
        credentials.forget_token();
        assert_eq!(credentials.authorization(now), basic);
        assert!(!format!("{credentials:?}").contains("hush"));
    }
}
