//! How often a key may be tried with wrong secrets.

use std::time::{Duration, Instant};

use model::TokenId;

use crate::memory::bounded::Bounded;

#[cfg(test)]
mod tests;

/// How many wrong secrets a key may be tried with in [`FAILURES_SPAN`]; what comes after is turned
/// away without running bcrypt.
pub(crate) const FAILURES_MAX: u32 = 10;

/// The span over which failures are counted.
pub(crate) const FAILURES_SPAN: Duration = Duration::from_secs(60);

/// How many keys are counted at once.
pub(crate) const FAILURES_KEYS_MAX: usize = 16_384;

/// The failures of each key. A key that does not exist is counted like any other, so that being
/// turned away tells nothing.
#[derive(Debug)]
pub(crate) struct Failures {
    keys: Bounded<TokenId, Span>,
}

#[derive(Debug)]
struct Span {
    start: Instant,
    count: u32,
}

impl Failures {
    pub(crate) fn new() -> Self {
        Self { keys: Bounded::new(FAILURES_KEYS_MAX) }
    }

    /// Says whether `key` has failed too often lately.
    pub(crate) fn too_many(&mut self, key: TokenId, now: Instant) -> bool {
        self.keys.get(&key).is_some_and(|span| span.lasts(now) && span.count >= FAILURES_MAX)
    }

    /// Counts a failure.
    pub(crate) fn count(&mut self, key: TokenId, now: Instant) {
        match self.keys.get(&key) {
            Some(span) if span.lasts(now) => span.count = span.count.saturating_add(1),
            _ => self.keys.insert(key, Span { start: now, count: 1 }),
        }
    }
}

impl Span {
    fn lasts(&self, now: Instant) -> bool {
        now.duration_since(self.start) < FAILURES_SPAN
    }
}
