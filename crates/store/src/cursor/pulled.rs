//! An event that a cursor gives out, and what it is acknowledged by.

use bytes::Bytes;
use model::progress::Again;
use model::{EventId, InputId, UnixMs};

use super::pull::Numbers;
use crate::event::Meta;

/// An event that is due.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The event.
    pub event: EventId,
    /// The input that it came by.
    pub input: InputId,
    /// What stands beside it in clear.
    pub meta: Meta,
    /// Its sequence in the stream.
    pub place: u64,
    /// When JetStream stored it, by its clock.
    pub stored_at: UnixMs,
    /// When it is tried again, as the facts say; `None` when it was not tried.
    pub again: Option<Again>,
    /// The event as it lies in the log.
    pub sealed: Bytes,
    /// What to acknowledge it by; `None` when it was acknowledged before.
    pub receipt: Option<Receipt>,
}

/// Names one handing-out of an event to JetStream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(pub(super) async_nats::Subject);

impl Receipt {
    /// The receipt that is acknowledged at this subject.
    pub fn from_subject(subject: String) -> Self {
        Self(subject.into())
    }

    /// The subject at which it is acknowledged.
    pub fn subject(&self) -> &str {
        &self.0
    }

    /// The place of its event in the stream.
    pub(super) fn place(&self) -> Option<u64> {
        Numbers::parse(&self.0).map(|numbers| numbers.place)
    }
}
