//! What the store counts, for whoever shows it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use tokio::time::Instant;

use crate::Error;

/// A stream is taken for stuck when writes to it have been given up over so long a time, and none was
/// acknowledged in between.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// After so long without another write that was given up, nobody knows.
const STUCK_FORGET: Duration = Duration::from_secs(300);

/// Counters since the store was opened. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    unacknowledged: [AtomicU64; Cause::ALL.len()],
    reconnects: AtomicU64,
    reconnects_forced: AtomicU64,
    redelivered: AtomicU64,
    takeovers: AtomicU64,
    /// By the beginning of the subject, which tells of the stream.
    failing: Mutex<HashMap<String, Failing>>,
    /// How many those are: nobody else has to look.
    failing_count: AtomicUsize,
}

/// When writes were given up, without one that was acknowledged since.
#[derive(Clone, Copy, Debug)]
struct Failing {
    first: Instant,
    last: Instant,
}

/// Why a try to publish was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing was heard in time.
    Timeout,
    /// No server has the stream now, as while its leader is elected.
    NoStream,
    /// An earlier try of the same message is still being stored.
    InProcess,
    /// A limit was reached, or the disk took nothing.
    Full,
    /// Anything else.
    Other,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] = [Self::Timeout, Self::NoStream, Self::InProcess, Self::Full, Self::Other];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NoStream => "no_stream",
            Self::InProcess => "in_process",
            Self::Full => "full",
            Self::Other => "other",
        }
    }

    /// What an error of a publication means.
    pub(crate) fn of(error: &PublishError) -> Self {
        let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<jetstream::Error>());
        match (error.kind(), source.map(jetstream::Error::error_code)) {
            (PublishErrorKind::TimedOut, _) => Self::Timeout,
            (PublishErrorKind::StreamNotFound, _) => Self::NoStream,
            (_, Some(ErrorCode::INSUFFICIENT_RESOURCES | ErrorCode::STREAM_STORE_FAILED)) => Self::Full,
            (_, Some(ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT)) => Self::InProcess,
            _ => Self::Other,
        }
    }
}

impl Counts {
    /// How many tries to publish were not acknowledged for this reason; most succeed at the next.
    pub fn unacknowledged(&self, cause: Cause) -> u64 {
        self.0.unacknowledged[cause as usize].load(Ordering::Relaxed)
    }

    /// How often a connection to NATS was made again.
    pub fn reconnects(&self) -> u64 {
        self.0.reconnects.load(Ordering::Relaxed)
    }

    /// How often we gave up a connection ourselves, because no acknowledgement came over it.
    pub fn reconnects_forced(&self) -> u64 {
        self.0.reconnects_forced.load(Ordering::Relaxed)
    }

    /// How many events JetStream gave out again.
    pub fn redelivered(&self) -> u64 {
        self.0.redelivered.load(Ordering::Relaxed)
    }

    /// How often what another dispatcher had of a cursor's events was given out again, because it vanished.
    pub fn takeovers(&self) -> u64 {
        self.0.takeovers.load(Ordering::Relaxed)
    }

    pub(crate) fn note_unacknowledged(&self, cause: Cause) {
        self.0.unacknowledged[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The connection is another one: what was stuck may not be any more.
    pub(crate) fn note_reconnect(&self) {
        self.0.reconnects.fetch_add(1, Ordering::Relaxed);
        self.failing().clear();
        self.0.failing_count.store(0, Ordering::Relaxed);
    }

    /// A publication came to its end.
    pub(crate) fn note_published(&self, subject: &str, published: &Result<u64, Error>) {
        let is_refused = matches!(published, Err(Error::Unavailable { .. }));
        if !is_refused && self.0.failing_count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let (stream, now) = (stream_of(subject), Instant::now());
        let mut failing = self.failing();
        match is_refused {
            true => failing.entry(stream).or_insert(Failing { first: now, last: now }).last = now,
            false => drop(failing.remove(&stream)),
        }
        self.0.failing_count.store(failing.len(), Ordering::Relaxed);
    }

    /// A stream that takes no writes, by the beginning of its subjects, and for how long; the longest.
    pub(crate) fn stuck(&self) -> Option<(String, Duration)> {
        let failing = self.failing();
        let stuck = failing.iter().filter(|(_, f)| f.last - f.first >= STUCK_AFTER && f.last.elapsed() < STUCK_FORGET);
        stuck.map(|(stream, failing)| (stream.clone(), failing.first.elapsed())).max_by_key(|(_, since)| *since)
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<String, Failing>> {
        self.0.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_reconnect_forced(&self) {
        self.0.reconnects_forced.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_takeover(&self) {
        self.0.takeovers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_redelivered(&self) {
        self.0.redelivered.fetch_add(1, Ordering::Relaxed);
    }
}

/// The beginning of a subject: `event.3`, `fact.3`, `chunk`, `$KV.directory`. The rest names buckets.
fn stream_of(subject: &str) -> String {
    let parts = if subject.starts_with("chunk") || subject.starts_with("ephemeral") { 1 } else { 2 };
    subject.split('.').take(parts).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<u64, Error> {
        Err(Error::timed_out("append an event"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_takes_nothing_for_a_while_is_told_until_it_does() {
        let counts = Counts::default();
        counts.note_published("event.3.bucket", &refused());
        assert_eq!(counts.stuck(), None, "one may be bad luck");
        tokio::time::advance(STUCK_AFTER).await;
        counts.note_published("event.4.bucket", &Ok(1));
        counts.note_published("event.3.other", &refused());
        assert_eq!(counts.stuck(), Some(("event.3".to_owned(), STUCK_AFTER)));
        counts.note_published("event.3.bucket", &Ok(2));
        assert_eq!(counts.stuck(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_stuck_is_forgotten_with_the_connection_and_with_time() {
        let counts = Counts::default();
        let stick = async || {
            counts.note_published("chunk.bucket", &refused());
            tokio::time::advance(STUCK_AFTER).await;
            counts.note_published("chunk.bucket", &refused());
            assert_eq!(counts.stuck().map(|(stream, _)| stream).as_deref(), Some("chunk"));
        };
        stick().await;
        counts.note_reconnect();
        assert_eq!(counts.stuck(), None);
        stick().await;
        tokio::time::advance(STUCK_FORGET).await;
        assert_eq!(counts.stuck(), None);
    }
}
