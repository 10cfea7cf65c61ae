//! What is done with each question about credentials.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crypto::session::{Audience, Claims, Signer};
use crypto::{Secret, token};
use model::record::{ApiAccess, Scopes, Token};
use model::{AccountId, TokenId, UnixMs};
use store::Store;
use store::directory::{Actor, Key};
use store::verification::{Answer, Question, Verified};
use tracing::{info, warn};
use uuid::Uuid;

use crate::Error;
use crate::budget::{Asker, Budget};
use crate::verify::Verifier;

/// What it takes to answer.
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) signer: Signer,
    pub(crate) session_lifetime: Duration,
}

impl Service {
    /// Answers a question; what went wrong is logged here and not told.
    pub(crate) async fn answer(&self, question: Question) -> Answer {
        let answered = match question {
            Question::Verify { token, secret } => self.verify(token, &secret).await,
            Question::Renew { token } => self.renew(token),
            Question::Issue { account, description, scopes, api_access, by } => {
                self.issue(account, description, scopes, api_access, by).await
            }
            Question::Revoke { token, by } => self.revoke(token, by).await,
        };
        match answered {
            Ok(answer) => answer,
            Err(Error::Busy) => Answer::Busy,
            Err(error) => {
                warn!(error = &error as &dyn StdError, "a question about credentials could not be answered");
                Answer::Failed
            }
        }
    }

    async fn verify(&self, key: TokenId, secret: &Secret) -> Result<Answer, Error> {
        match self.verifier.verify(key, secret).await? {
            Some(token) => self.grant(&token),
            None => Ok(Answer::Refused),
        }
    }

    /// Whoever asks has verified the session; what is left to see is whether the token still stands.
    fn renew(&self, key: TokenId) -> Result<Answer, Error> {
        match self.store.directory().token(key) {
            Some(token) if token.record.active => self.grant(&token.record),
            Some(_) | None => Ok(Answer::Refused),
        }
    }

    fn grant(&self, token: &Token) -> Result<Answer, Error> {
        let now = UnixMs::from(SystemTime::now());
        let expires_at = now.plus(self.session_lifetime);
        let claims = Claims {
            id: Uuid::now_v7(),
            account: token.account,
            token: token.id,
            generation: token.generation,
            audience: Audience::Dispatcher,
            issued_at: now.seconds(),
            expires_at: expires_at.seconds(),
        };
        Ok(Answer::Verified(Verified {
            account: token.account,
            token: token.id,
            generation: token.generation,
            session_token: Secret::from(self.signer.sign(&claims)?),
            expires_at,
        }))
    }

    async fn issue(
        &self,
        account: AccountId,
        description: String,
        scopes: Scopes,
        api_access: ApiAccess,
        by: Option<Actor>,
    ) -> Result<Answer, Error> {
        let secret = token::generate()?;
        let record = Token { description, scopes, api_access, ..new_token(TokenId(Uuid::new_v4()), account) };
        create(&self.store, self.verifier.budget(), &record, &secret, by).await?;
        info!(token = %record.id, %account, "issued a token");
        Ok(Answer::Issued { token: record.id, secret })
    }

    /// The record goes first: sessions end by it, and a hash without a record opens nothing.
    async fn revoke(&self, key: TokenId, by: Option<Actor>) -> Result<Answer, Error> {
        self.store.directory().by(by).delete(&Key::Token(key)).await?;
        self.store.credentials().delete_hash(key).await?;
        info!(token = %key, "revoked a token");
        Ok(Answer::Revoked)
    }
}

/// An active token of this account that may do everything, made now.
///
/// Its generation starts at the time, so that a key that is used again after its token was deleted
/// does not revive sessions and memories of the earlier one.
pub(crate) fn new_token(id: TokenId, account: AccountId) -> Token {
    let now = UnixMs::from(SystemTime::now());
    Token {
        id,
        account,
        description: String::new(),
        scopes: Scopes::default(),
        api_access: ApiAccess::Enabled,
        active: true,
        generation: now.0,
        created_at: now,
        updated_at: now,
    }
}

/// Keeps the hash of a new token's secret, then its record: a token is never seen without its hash.
/// Fails with [`store::Error::Exists`] if there is one of that key.
pub(crate) async fn create(
    store: &Store,
    budget: &Budget,
    record: &Token,
    secret: &Secret,
    by: Option<Actor>,
) -> Result<(), Error> {
    keep_hash(store, budget, record.id, secret).await?;
    match store.directory().by(by).create(record).await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Keeps the hash of a secret; the key must have none.
pub(crate) async fn keep_hash(store: &Store, budget: &Budget, key: TokenId, secret: &Secret) -> Result<(), Error> {
    let secret = secret.clone();
    let hash = budget.run(budget.place(Asker::Known)?, move || token::hash(&secret)).await??;
    store.credentials().create_hash(key, &hash).await?;
    Ok(())
}
