//! Publishing to a stream: the same message, tried until it is acknowledged or the time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::header::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{Context, ErrorCode};
use async_nats::{Client, jetstream};
use bytes::Bytes;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::Error;

/// How long one publication waits for its acknowledgement before it is tried again.
const ACK_WAIT: Duration = Duration::from_millis(1300);
/// The wait before another try when NATS answered at once that it cannot.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// After so many acknowledgements missed in a row the server that we are connected to is taken
/// for cut off from the others, and another one is connected to.
const MISSES_MAX: u32 = 3;
/// How many publications of one connection may wait for their acknowledgement.
const UNACKED_MAX: usize = 4096;

/// Publishes over one connection. Clones share it.
#[derive(Clone)]
pub(crate) struct Publisher {
    client: Client,
    context: Context,
    misses: Arc<AtomicU32>,
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
        let context = jetstream::ContextBuilder::new()
            .timeout(ACK_WAIT)
            .max_ack_inflight(UNACKED_MAX)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Self { client, context, misses: Arc::default() }
    }

    /// Publishes and returns the sequence in the stream.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there was no acknowledgement within `budget`: then the message
    /// may have been stored or not.
    pub(crate) async fn publish(&self, publication: &Publication<'_>, budget: Duration) -> Result<u64, Error> {
        let deadline = Instant::now() + budget;
        loop {
            let tried = tokio::time::timeout_at(deadline, self.try_once(publication)).await;
            let error = match tried {
                Err(_) => {
                    self.missed().await;
                    return Err(Error::timed_out(publication.what));
                }
                Ok(Ok(sequence)) => {
                    self.misses.store(0, Ordering::Relaxed);
                    return Ok(sequence);
                }
                Ok(Err(error)) => error,
            };
            match error.kind() {
                PublishErrorKind::TimedOut => self.missed().await,
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
        let misses = self.misses.fetch_add(1, Ordering::Relaxed) + 1;
        if !misses.is_multiple_of(MISSES_MAX) || self.client.connection_state() != State::Connected {
            return;
        }
        info!(misses, "acknowledgements are missing; connecting to NATS again");
        if let Err(error) = self.client.force_reconnect().await {
            warn!(%error, "connecting to NATS again was not possible");
        }
    }
}

/// Whether the stream or the server has reached a limit: trying again at once is no use.
fn is_full(error: &async_nats::error::Error<PublishErrorKind>) -> bool {
    let source = std::error::Error::source(error).and_then(|s| s.downcast_ref::<jetstream::Error>());
    source.is_some_and(|e| matches!(e.error_code(), ErrorCode::INSUFFICIENT_RESOURCES | ErrorCode::STREAM_STORE_FAILED))
}
