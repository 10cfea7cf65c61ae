//! How callers of a bucket must authenticate, as JSON. The secrets come in and never go out.

use crypto::Secret;
use crypto::token::SECRET_BYTES_MAX;
use model::record::CallerAuth;
use serde::Serialize;
use tokio::sync::Semaphore;

use super::Fields;
use crate::error::{Cause, Error};
use crate::limits::LABEL_BYTES_MAX;

/// The kinds of authentication, by their names on the wire.
const KINDS: [(&str, Kind); 3] = [("none", Kind::None), ("basic", Kind::Basic), ("token", Kind::Token)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    Basic,
    Token,
}

/// What a request says about authentication, with the secrets as they were sent.
#[derive(Debug, Default)]
pub(crate) struct Said {
    kind: Option<Kind>,
    username: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
}

impl Said {
    /// Reads what is said. An empty secret is not said: that is how they are shown.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(bucket: &Fields) -> Result<Self, Error> {
        let Some(auth) = bucket.object("auth")? else { return Ok(Self::default()) };
        let username = auth.text("username", LABEL_BYTES_MAX)?.filter(|name| !name.is_empty());
        if username.is_some_and(|name| name.contains(':') || name.chars().any(char::is_control)) {
            return Err(auth.invalid("username", "has a colon or control character"));
        }
        let secret = |field| -> Result<Option<Secret>, Error> {
            let text = auth.text(field, SECRET_BYTES_MAX)?.filter(|text| !text.is_empty());
            Ok(text.map(|text| Secret::from(text.to_owned())))
        };
        Ok(Self {
            kind: auth.choice("type", &KINDS)?,
            username: username.map(str::to_owned),
            password: secret("password")?,
            token: secret("token")?,
        })
    }

    /// Puts hashes in the place of the secrets. Each takes about 70 ms of a thread that may be
    /// blocked, when its turn has come.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) async fn hashed(self, turns: &Semaphore) -> Result<Change, Error> {
        Ok(Change {
            kind: self.kind,
            username: self.username,
            password_hash: hash(self.password, turns).await?,
            token_hash: hash(self.token, turns).await?,
        })
    }
}

async fn hash(secret: Option<Secret>, turns: &Semaphore) -> Result<Option<String>, Error> {
    let Some(secret) = secret else { return Ok(None) };
    let _turn = turns.acquire().await.map_err(|_| Error::Unavailable(None))?;
    let hashed = tokio::task::spawn_blocking(move || crypto::token::hash(&secret)).await;
    match hashed {
        Ok(hash) => hash.map(Some).map_err(|error| Error::Internal(Cause::Crypto(error))),
        // The process ends, or the hash panicked.
        Err(_) => Err(Error::Unavailable(None)),
    }
}

/// What becomes of the authentication of a bucket.
#[derive(Debug, Default)]
pub(crate) struct Change {
    kind: Option<Kind>,
    username: Option<String>,
    password_hash: Option<String>,
    token_hash: Option<String>,
}

impl Change {
    /// Changes it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when something is missing.
    pub(crate) fn apply(&self, auth: &mut CallerAuth) -> Result<(), Error> {
        *auth = match self.kind.unwrap_or(kind_of(auth)) {
            Kind::None if self.kind.is_none() && self.says_something() => {
                return Err(Error::invalid("auth.type", "is missing"));
            }
            Kind::None => CallerAuth::None,
            Kind::Basic => {
                let (name, hash) = match auth {
                    CallerAuth::Basic { username, password_hash } => (Some(&*username), Some(&*password_hash)),
                    CallerAuth::None | CallerAuth::Bearer { .. } => (None, None),
                };
                CallerAuth::Basic {
                    username: needed(self.username.as_ref().or(name), "auth.username")?,
                    password_hash: needed(self.password_hash.as_ref().or(hash), "auth.password")?,
                }
            }
            Kind::Token => {
                let hash = match auth {
                    CallerAuth::Bearer { token_hash } => Some(&*token_hash),
                    CallerAuth::None | CallerAuth::Basic { .. } => None,
                };
                CallerAuth::Bearer { token_hash: needed(self.token_hash.as_ref().or(hash), "auth.token")? }
            }
        };
        Ok(())
    }

    fn says_something(&self) -> bool {
        self.username.is_some() || self.password_hash.is_some() || self.token_hash.is_some()
    }
}

fn kind_of(auth: &CallerAuth) -> Kind {
    match auth {
        CallerAuth::None => Kind::None,
        CallerAuth::Basic { .. } => Kind::Basic,
        CallerAuth::Bearer { .. } => Kind::Token,
    }
}

fn needed(value: Option<&String>, field: &str) -> Result<String, Error> {
    value.cloned().ok_or_else(|| Error::invalid(field, "is missing"))
}

/// How callers must authenticate, without the secrets.
#[derive(Serialize)]
pub(crate) struct Auth<'a> {
    id: &'static str,
    r#type: &'static str,
    username: &'a str,
    password: &'static str,
    token: &'static str,
    created_at: u64,
    updated_at: u64,
}

impl<'a> Auth<'a> {
    /// Shows it.
    pub(super) fn new(auth: &'a CallerAuth) -> Self {
        let (r#type, username) = match auth {
            CallerAuth::None => ("none", ""),
            CallerAuth::Basic { username, .. } => ("basic", username.as_str()),
            CallerAuth::Bearer { .. } => ("token", ""),
        };
        Self { id: "", r#type, username, password: "", token: "", created_at: 0, updated_at: 0 }
    }
}

#[cfg(test)]
mod tests;
