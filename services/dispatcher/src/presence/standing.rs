//! How a cursor stands, as whoever works with it or looked at it says.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::UnixMs;

/// How a cursor stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many deliveries are at hand or parked.
    pub(crate) at_hand: u64,
    /// How many events the stream had for it, as far as NATS said.
    pub(crate) in_stream: u64,
    /// Whether that is so now, and not only when the last event was given out.
    pub(crate) is_current: bool,
    /// Counts what was given out: while it stays the same, nothing new was heard of the stream.
    pub(crate) delivered: u64,
    /// When the oldest of those that are known one by one was received.
    pub(crate) oldest_at: Option<UnixMs>,
    /// When a delivery last ended as sent, as far as is known.
    pub(crate) last_sent_at: Option<UnixMs>,
    /// How many attempts in a row have failed.
    pub(crate) failures: u32,
    /// Whether the circuit is open.
    pub(crate) is_open: bool,
}

/// Where a courier writes how its cursor stands, for whoever wants to know.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Option<Standing>>);

impl Board {
    /// Writes it.
    pub(crate) fn write(&self, standing: Standing) {
        *self.lock() = Some(standing);
    }

    /// What was written last, if anything was.
    pub(crate) fn read(&self) -> Option<Standing> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
