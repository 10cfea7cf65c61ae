//! How an output fares: suspect after failures in a row, left alone for a while then, and paused
//! when it does nothing but fail.

use model::UnixMs;
use model::record::Paused;

use super::limits::Limits;

/// What the last attempts say about an output.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    failures: u32,
    failing_since: Option<UnixMs>,
    open_until: UnixMs,
}

impl Circuit {
    /// Notes how an attempt ended. A failure of a suspect output opens the circuit, once more if it
    /// was the attempt that probed.
    pub(super) fn note(&mut self, success: bool, now: UnixMs, limits: &Limits) {
        if success {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(now);
        if self.is_suspect(limits) {
            self.open_until = now.plus(limits.open);
        }
    }

    /// How many attempts in a row have failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it failed so often that it is tried one event at a time.
    pub(super) fn is_suspect(&self, limits: &Limits) -> bool {
        self.failures >= limits.failures
    }

    /// Until when nothing is begun, if that lies ahead.
    pub(super) fn open_until(&self, now: UnixMs) -> Option<UnixMs> {
        Some(self.open_until).filter(|until| *until > now)
    }

    /// What it is to be paused with, if it failed for long enough.
    pub(super) fn pause(&self, now: UnixMs, limits: &Limits) -> Option<Paused> {
        let (since, after) = (self.failing_since?, limits.pause_after?);
        let is_due = self.is_suspect(limits) && now.since(since) >= after;
        is_due.then_some(Paused { since: now, failures: self.failures })
    }
}
