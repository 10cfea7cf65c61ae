//! Publishing to a stream: the same message, tried until it is acknowledged or the time is up.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::header::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::Error;
use crate::counts::{Cause, Counts};

/// How long one publication waits for its acknowledgement before it is tried again.
const ACK_WAIT: Duration = Duration::from_millis(1300);
/// The wait before another try when NATS answered at once that it cannot.
const RETRY_WAIT: Duration = Duration::from_millis(100);
/// After so long without any acknowledgement, while some are due, the server that we are connected
/// to is taken for cut off from the others, and another one is connected to. Longer than a few
/// acknowledgements that are merely late: connecting again when the server is busy makes it busier.
const SILENCE_MAX: Duration = Duration::from_millis(3500);
/// A try that has waited so long was stopped together with this process, as by a debugger or with its
/// machine, and says nothing: what NATS has sent meanwhile was not read yet. To connect again then would lose it,
/// events that were given out too.
const STOPPED_FROM: Duration = ACK_WAIT.saturating_mul(2);
/// How many publications of one publisher wait for their acknowledgement; more wait for their
/// turn, so that a missing acknowledgement tells of the server and not of our own queue.
pub(crate) const UNACKED_MAX: usize = 512;

/// Publishes over one connection. Clones share it, and its turns.
#[derive(Clone)]
pub(crate) struct Publisher {
    client: Client,
    context: Context,
    turns: Arc<Semaphore>,
    counts: Counts,
    silence: Arc<Mutex<Silence>>,
}

/// How long acknowledgements have been missing on a connection, with none in between.
#[derive(Debug, Default)]
struct Silence {
    since: Option<Instant>,
    acked_at: Option<Instant>,
    /// The number of the connection that this is about.
    connection: u64,
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
    pub(crate) fn new(client: Client, counts: Counts) -> Self {
        let context = jetstream::ContextBuilder::new().timeout(ACK_WAIT).build(client.clone());
        Self { client, context, turns: Arc::new(Semaphore::new(UNACKED_MAX)), counts, silence: Arc::default() }
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
        let published = self.try_until(publication, Instant::now() + budget).await;
        self.counts.note_published(&publication.subject, &published);
        published
    }

    async fn try_until(&self, publication: &Publication<'_>, deadline: Instant) -> Result<u64, Error> {
        let turn = tokio::time::timeout_at(deadline, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::timed_out(publication.what));
        };
        loop {
            let begun = Instant::now();
            let tried = tokio::time::timeout_at(deadline, self.try_once(publication)).await;
            let error = match tried {
                Err(_) => {
                    self.counts.note_unacknowledged(Cause::Timeout);
                    self.missed(begun).await;
                    return Err(Error::timed_out(publication.what));
                }
                Ok(Ok(sequence)) => {
                    self.silence().acked(self.connection(), Instant::now());
                    return Ok(sequence);
                }
                Ok(Err(error)) => error,
            };
            if error.kind() == PublishErrorKind::WrongLastSequence {
                return Err(Error::Conflict);
            }
            let cause = Cause::of(&error);
            self.counts.note_unacknowledged(cause);
            match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => return Err(Error::unavailable(publication.what, error)),
                _ if cause == Cause::Full => return Err(Error::unavailable(publication.what, error)),
                // A server that is cut off answers at once that it has no leader.
                _ => self.missed(begun).await,
            }
            if Instant::now() + RETRY_WAIT >= deadline {
                return Err(Error::unavailable(publication.what, error));
            }
            tokio::time::sleep(RETRY_WAIT).await;
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
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

    async fn missed(&self, begun: Instant) {
        let silent = self.silence().missed(begun, self.connection(), Instant::now());
        if !silent || self.client.connection_state() != State::Connected {
            return;
        }
        self.counts.note_reconnect_forced();
        info!("no acknowledgement comes; connecting to another NATS server");
        if let Err(error) = self.client.force_reconnect().await {
            warn!(%error, "connecting to NATS again was not possible");
        }
    }

    /// The number of the connection that we have now.
    fn connection(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    fn silence(&self) -> MutexGuard<'_, Silence> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Silence {
    fn acked(&mut self, connection: u64, now: Instant) {
        *self = Self { connection, since: None, acked_at: Some(now) };
    }

    /// What was published at `begun` was not acknowledged. Whether the silence has lasted too long
    /// with that; it then begins anew.
    fn missed(&mut self, begun: Instant, connection: u64, now: Instant) -> bool {
        if self.connection != connection {
            *self = Self { connection, since: Some(now), acked_at: None };
        }
        if self.acked_at.is_some_and(|at| at >= begun) {
            return false;
        }
        if now.duration_since(begun) > STOPPED_FROM {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(begun);
        let silent = now.duration_since(since) >= SILENCE_MAX;
        if silent {
            self.since = Some(now);
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_silence_on_one_connection_is_one() {
        let mut silence = Silence::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        silence.acked(1, at(0));
        assert!(!silence.missed(at(100), 1, at(1400)));
        // An acknowledgement in between, also of something that was published later.
        silence.acked(1, at(2000));
        assert!(!silence.missed(at(1900), 1, at(6000)));
        assert!(!silence.missed(at(2100), 1, at(5500)));
        // A connection that is new has its own time.
        assert!(!silence.missed(at(4400), 2, at(5700)));
        assert!(!silence.missed(at(7800), 2, at(9100)));
        assert!(silence.missed(at(7900), 2, at(9200)));
        assert!(!silence.missed(at(8000), 2, at(9300)));
    }

    #[test]
    fn a_process_that_was_stopped_begins_to_count_when_it_goes_on() {
        let mut silence = Silence::default();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        silence.acked(1, at(0));
        assert!(!silence.missed(at(100), 1, at(1400)));
        // It was stopped for five seconds.
        assert!(!silence.missed(at(1500), 1, at(6500)));
        assert!(!silence.missed(at(6500), 1, at(7800)));
        assert!(!silence.missed(at(8600), 1, at(9900)));
        assert!(silence.missed(at(8800), 1, at(10_100)));
    }
}
