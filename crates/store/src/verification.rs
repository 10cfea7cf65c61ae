//! Questions about credentials, asked over NATS and answered by whoever serves `auth`.

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use bytes::Bytes;
use crypto::Secret;
use futures_util::StreamExt;
use model::record::{ApiAccess, Scopes};
use model::{AccountId, TokenId, UnixMs};
use serde::{Deserialize, Serialize};
use telemetry::Stop;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::Error;
use crate::directory::Actor;

/// How long an answer is waited for: longer than a queue of hashes may take.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
/// How many questions one server of `auth` works on at once; it bounds its own hashing further.
const QUESTIONS_MAX: usize = 1024;
const SUBJECT: &str = "auth.ask";
const QUEUE_GROUP: &str = "auth";

/// A question to `auth`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// Is this secret the one of this token?
    Verify {
        /// The token.
        token: TokenId,
        /// The secret, as presented.
        #[serde(with = "crypto::secret::exposed")]
        secret: Secret,
    },
    /// A new session token for a session that was verified before.
    Renew {
        /// The token.
        token: TokenId,
    },
    /// A new token.
    Issue {
        /// Whose it will be.
        account: AccountId,
        /// Free text.
        description: String,
        /// What it may reach.
        scopes: Scopes,
        /// Whether it may be used for the REST API.
        api_access: ApiAccess,
        /// Who asks for it.
        #[serde(default)]
        by: Option<Actor>,
    },
    /// Forget a token and its hash.
    Revoke {
        /// The token.
        token: TokenId,
        /// Who asks for it.
        #[serde(default)]
        by: Option<Actor>,
    },
}

/// What `auth` answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The credentials are good; also the answer to a renewal.
    Verified(Verified),
    /// The new token, with its secret: it is not kept.
    Issued {
        /// The token.
        token: TokenId,
        /// Its secret.
        #[serde(with = "crypto::secret::exposed")]
        secret: Secret,
    },
    /// The token is gone.
    Revoked,
    /// The credentials are not good, for whatever reason.
    Refused,
    /// Too much to do now; ask again later.
    Busy,
    /// `auth` could not do it.
    Failed,
}

/// Credentials that were verified.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verified {
    /// Whose token it is.
    pub account: AccountId,
    /// The token.
    pub token: TokenId,
    /// Its generation: once the directory shows a later one, this counts no more.
    pub generation: u64,
    /// A signed token that stands for the credentials for a while.
    #[serde(with = "crypto::secret::exposed")]
    pub session_token: Secret,
    /// When that ends.
    pub expires_at: UnixMs,
}

/// Asks `auth`, or answers for it. Clones share the connection.
#[derive(Clone)]
pub struct Verification {
    client: Client,
}

impl Verification {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Asks a question.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when nobody answers within [`ANSWER_WAIT_MAX`].
    pub async fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let payload = serde_json::to_vec(question).map_err(|e| Error::unreadable("a question to auth", e))?;
        let request = async_nats::Request::new().payload(payload.into()).timeout(Some(ANSWER_WAIT_MAX));
        let reply = self.client.send_request(SUBJECT, request).await.map_err(|e| Error::unavailable("ask auth", e))?;
        serde_json::from_slice(&reply.payload).map_err(|e| Error::unreadable("an answer of auth", e))
    }

    /// Answers questions until told to stop; several processes share them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the subscription cannot be made.
    pub async fn serve<F, Fut>(&self, answer: F, stop: &Stop) -> Result<(), Error>
    where
        F: Fn(Question) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send,
    {
        let answer = Arc::new(answer);
        let slots = Arc::new(Semaphore::new(QUESTIONS_MAX));
        let mut questions = self
            .client
            .queue_subscribe(SUBJECT, QUEUE_GROUP.to_owned())
            .await
            .map_err(|e| Error::unavailable("serve auth", e))?;
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let message = tokio::select! {
                () = stop.given() => break,
                // Finished answers are taken off the set so that it stays small.
                Some(_) = tasks.join_next() => continue,
                message = questions.next() => message,
            };
            let Some(message) = message else { break };
            let Some(reply) = message.reply else { continue };
            let (client, answer, slots) = (self.client.clone(), Arc::clone(&answer), Arc::clone(&slots));
            tasks.spawn(async move {
                let said = match (slots.try_acquire(), serde_json::from_slice(&message.payload)) {
                    (Ok(_slot), Ok(question)) => answer(question).await,
                    (Err(_), _) => Answer::Busy,
                    (_, Err(_)) => Answer::Failed,
                };
                let payload = serde_json::to_vec(&said).unwrap_or_default();
                if let Err(error) = client.publish(reply, Bytes::from(payload)).await {
                    warn!(%error, "an answer of auth could not be sent");
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_answer_is_sent_with_its_session_token_and_does_not_print_it() {
        let verified = Verified {
            account: AccountId(Uuid::nil()),
            token: TokenId(Uuid::nil()),
            generation: 1,
            session_token: Secret::from("v4.public.x".to_owned()),
            expires_at: UnixMs(0),
        };
        let answer = Answer::Verified(verified);
        assert!(!format!("{answer:?}").contains("v4.public"), "{answer:?}");
        let sent = serde_json::to_string(&answer).unwrap();
        assert!(sent.contains(r#""session_token":"v4.public.x""#), "as it was before it was a secret: {sent}");
        let Ok(Answer::Verified(read)) = serde_json::from_str(&sent) else { panic!("{sent}") };
        assert_eq!(read.session_token.expose(), "v4.public.x");
    }
}
