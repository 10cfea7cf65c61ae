//! Publishing to a stream: the same message, tried until it is acknowledged or the time is up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::header::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, jetstream};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::Error;

/// How long one publication waits for its acknowledgement before it is tried again.
const ACK_WAIT: Duration = Duration::from_millis(1300);
/// The wait before another try when NATS answered at once that it cannot.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// After so long without any acknowledgement, while some are due, the server that we are connected
/// to is taken for cut off from the others, and another one is connected to. Longer than a few
/// acknowledgements that are merely late: connecting again when the server is busy makes it busier.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// How many publications of one publisher wait for their acknowledgement; more wait for their
/// turn, so that a missing acknowledgement tells of the server and not of our own queue.
pub(crate) const UNACKED_MAX: usize = 512;

/// Publishes over one connection. Clones share it, and its turns.
#[derive(Clone)]
pub(crate) struct Publisher {
    client: Client,
    context: Context,
    turns: Arc<Semaphore>,
    /// Since when acknowledgements have been missing, with none in between.
    silent_since: Arc<Mutex<Option<Instant>>>,
}

/// One message to publish.
pub(crate) struct Publication<'a> {
    /// What it is, for error texts.
    pub(crate) what: &'static str,
    pub(crate) subject: String,
    /// Makes further tries of the same message harmless.
    pub(crate) id: Option<String>,
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) payload: Bytes,
}

impl Publisher {
    pub(crate) fn new(client: Client) -> Self {
        let context = jetstream::ContextBuilder::new().timeout(ACK_WAIT).build(client.clone());
        Self { client, context, turns: Arc::new(Semaphore::new(UNACKED_MAX)), silent_since: Arc::default() }
    }

    /// A publisher over the same connection with turns of its own: what is published through one
    /// does not wait for what is published through the other.
    pub(crate) fn beside(&self) -> Self {
        Self { turns: Arc::new(Semaphore::new(UNACKED_MAX)), ..self.clone() }
    }

    /// Publishes and returns the sequence in the stream.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there was no acknowledgement within `budget`: then the message
    /// may have been stored or not. [`Error::Conflict`] when a header names a sequence that is not
    /// the last any more.
    pub(crate) async fn publish(&self, publication: &Publication<'_>, budget: Duration) -> Result<u64, Error> {
        let deadline = Instant::now() + budget;
        let turn = tokio::time::timeout_at(deadline, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::timed_out(publication.what));
        };
        loop {
            let tried = tokio::time::timeout_at(deadline, self.try_once(publication)).await;
            let error = match tried {
                Err(_) => {
                    self.missed().await;
                    return Err(Error::timed_out(publication.what));
                }
                Ok(Ok(sequence)) => {
                    *self.silent_since() = None;
                    return Ok(sequence);
                }
                Ok(Err(error)) => error,
            };
            match error.kind() {
                PublishErrorKind::TimedOut => self.missed().await,
                PublishErrorKind::WrongLastSequence => return Err(Error::Conflict),
                PublishErrorKind::MaxPayloadExceeded => return Err(Error::unavailable(publication.what, error)),
                _ if is_full(&error) => return Err(Error::unavailable(publication.what, error)),
                _ => {}
            }
            if Instant::now() + RETRY_WAIT >= deadline {
                return Err(Error::unavailable(publication.what, error));
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
    }

    async fn try_once(&self, publication: &Publication<'_>) -> Result<u64, async_nats::error::Error<PublishErrorKind>> {
        // A message handed to a client that is not connected is sent whenever it connects again,
        // long after its sender was refused.
        while self.client.connection_state() != State::Connected {
            tokio::time::sleep(RETRY_WAIT / 10).await;
        }
        let mut headers = HeaderMap::new();
        for (name, value) in publication.headers {
            headers.insert(*name, value.as_str());
        }
        let mut message = PublishMessage::build().payload(publication.payload.clone()).headers(headers);
        if let Some(id) = &publication.id {
            message = message.message_id(id);
        }
        let ack = self.context.send_publish(publication.subject.clone(), message).await?.await?;
        Ok(ack.sequence)
    }

    async fn missed(&self) {
        let silent = {
            let mut since = self.silent_since();
            let first = *since.get_or_insert_with(Instant::now);
            let silent = first.elapsed() > SILENCE_MAX && self.client.connection_state() == State::Connected;
            if silent {
                *since = None;
            }
            silent
        };
        if !silent {
            return;
        }
        info!("no acknowledgement comes; connecting to NATS again");
        if let Err(error) = self.client.force_reconnect().await {
            warn!(%error, "connecting to NATS again was not possible");
        }
    }

    fn silent_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the stream or the server has reached a limit: trying again at once is no use.
fn is_full(error: &async_nats::error::Error<PublishErrorKind>) -> bool {
    let source = std::error::Error::source(error).and_then(|s| s.downcast_ref::<jetstream::Error>());
    source.is_some_and(|e| matches!(e.error_code(), ErrorCode::INSUFFICIENT_RESOURCES | ErrorCode::STREAM_STORE_FAILED))
}
