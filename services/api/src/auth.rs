//! Who asks: every route but `GET /v1/config` takes a [`Caller`], and there is no other way to one.
//!
//! A secret is checked by `auth` and then remembered for a while by its fingerprint; a session token
//! is checked here. Either way the token's record in the directory has the last word, at each
//! request: what is revoked there is refused at once.

mod credentials;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod remembered;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::extract::FromRequestParts;
use crypto::Secret;
use crypto::fingerprint::Fingerprinter;
use crypto::session::{self, Audience};
use http::request::Parts;
use model::record::{ApiAccess, Bucket, Token};
use model::{AccountId, TokenId, UnixMs};
use store::Store;
use store::directory::{Actor, Directory};
use store::verification::{Answer, Question};

use crate::Api;
use crate::error::{Cause, Error};
use credentials::Credentials;
use remembered::Remembered;

/// How long the outcome of a verification counts.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// How many good secrets are remembered, and how many bad ones: neither pushes out the other.
const REMEMBERED_MAX: usize = 16 * 1024;

/// A token that may use the API.
pub(crate) struct Caller {
    token: Arc<Token>,
}

impl Caller {
    /// Whose token it is.
    pub(crate) fn account(&self) -> AccountId {
        self.token.account
    }

    /// In whose name it changes things.
    pub(crate) fn actor(&self) -> Actor {
        Actor { account: self.token.account, token: self.token.id }
    }

    /// Whether the bucket is there for this caller: of its account, and within its scopes.
    pub(crate) fn sees(&self, bucket: &Bucket) -> bool {
        bucket.account == self.token.account && self.token.scopes.allow_bucket(&bucket.name)
    }

    /// Whether a session of that token is there for this caller: any of the account, or with scopes
    /// those of its own token.
    pub(crate) fn sees_session_of(&self, token: TokenId) -> bool {
        token == self.token.id || self.require_no_scopes().is_ok()
    }

    /// Whether its token is still what it was when it was checked: for answers that last.
    pub(crate) fn still_counts(&self, directory: &Directory) -> bool {
        directory.token_counts(self.token.id, self.token.generation)
    }

    /// Refuses a token that is limited to some buckets or tunnels: with what is the whole account's
    /// it could reach more than that.
    pub(crate) fn require_no_scopes(&self) -> Result<(), Error> {
        let scopes = &self.token.scopes;
        if scopes.buckets.is_empty() && scopes.tunnels.is_empty() {
            return Ok(());
        }
        Err(Error::Forbidden("this token has scopes; what is the whole account's is managed with one that has none"))
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Error> {
        let token = match Credentials::read(&parts.headers).ok_or(Error::Unauthorized)? {
            Credentials::Basic { key, secret } => api.gate().by_secret(api.store(), key, secret).await?,
            Credentials::Session(text) => by_session(api.store(), text.expose())?,
        };
        match token.api_access {
            ApiAccess::Enabled => Ok(Self { token }),
            ApiAccess::Disabled => Err(Error::Forbidden("this token may not be used for the API")),
        }
    }
}

/// Checks secrets, and remembers which were good and which were not.
pub(crate) struct Gate {
    fingerprinter: Fingerprinter,
    good: Remembered<Granted>,
    bad: Remembered<Option<u64>>,
}

/// What a good secret stands for, as long as the token's generation stays.
#[derive(Clone, Copy)]
struct Granted {
    account: AccountId,
    generation: u64,
}

impl Granted {
    fn stands(self, token: &Token) -> bool {
        token.account == self.account && token.counts(self.generation)
    }
}

impl Gate {
    /// Fails if the operating system gives no random bytes.
    pub(crate) fn new() -> Result<Self, crypto::Error> {
        Ok(Self {
            fingerprinter: Fingerprinter::new()?,
            good: Remembered::new(REMEMBERED_MAX, REMEMBERED_FOR),
            bad: Remembered::new(REMEMBERED_MAX, REMEMBERED_FOR),
        })
    }

    async fn by_secret(&self, store: &Store, key: TokenId, secret: Secret) -> Result<Arc<Token>, Error> {
        let fingerprint = self.fingerprinter.fingerprint(&key.to_string(), &secret).map_err(internal)?;
        let token = store.directory().token(key).map(|token| token.record);
        let now = Instant::now();
        if let (Some(granted), Some(token)) = (self.good.get(&fingerprint, now), &token)
            && granted.stands(token)
        {
            return Ok(Arc::clone(token));
        }
        // A refusal counts only for the token as it was: one made or activated since is asked about.
        let generation = token.map(|token| token.generation);
        if self.bad.get(&fingerprint, now) == Some(generation) {
            return Err(Error::Unauthorized);
        }
        match store.verification().ask(&Question::Verify { token: key, secret }).await? {
            Answer::Verified(verified) if verified.token == key => {
                let granted = Granted { account: verified.account, generation: verified.generation };
                self.good.put(fingerprint, granted, now);
                shown(store, key, granted).await
            }
            Answer::Refused => {
                self.bad.put(fingerprint, generation, now);
                Err(Error::Unauthorized)
            }
            Answer::Busy | Answer::Failed => Err(Error::Unavailable(None)),
            Answer::Verified(_) | Answer::Issued { .. } | Answer::Revoked => Err(internal(Cause::Answer("verify"))),
        }
    }
}

/// The token's record. `auth` may know of a change to it a moment before this process does.
async fn shown(store: &Store, key: TokenId, granted: Granted) -> Result<Arc<Token>, Error> {
    let directory = store.directory();
    let new_enough = || directory.token(key).filter(|token| token.record.generation >= granted.generation);
    if new_enough().is_none() {
        directory.catch_up().await?;
    }
    let token = new_enough().ok_or(Error::Unauthorized)?.record;
    if token.active && token.account == granted.account { Ok(token) } else { Err(Error::Unauthorized) }
}

fn by_session(store: &Store, text: &str) -> Result<Arc<Token>, Error> {
    let now = UnixMs::from(SystemTime::now()).seconds();
    let claims = session::verify(text, &store.directory().signers(), Audience::Api, now);
    let claims = claims.map_err(|_| Error::Unauthorized)?;
    let granted = Granted { account: claims.account, generation: claims.generation };
    let token = store.directory().token(claims.token).ok_or(Error::Unauthorized)?.record;
    if granted.stands(&token) { Ok(token) } else { Err(Error::Unauthorized) }
}

fn internal(cause: impl Into<Cause>) -> Error {
    Error::Internal(cause.into())
}

#[cfg(test)]
mod tests;
