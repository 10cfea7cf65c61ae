//! Facts: what happened to deliveries, in the past tense, one line each in the log.
//!
//! Duplicates are normal: a fact that is applied twice changes nothing the second time.

use serde::{Deserialize, Serialize};

use crate::id::EventId;
use crate::time::UnixMs;

mod stored;

pub use stored::{DecodeError, decode, encode};

/// One line of the fact log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An attempt ended in an outcome.
    AttemptFinished {
        /// The event.
        event: EventId,
        /// When the outcome was known.
        at: UnixMs,
        /// The attempt's number, from 1.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, in milliseconds.
        duration_ms: u32,
        /// What follows from it.
        next: Next,
    },
    /// A delivery ended without another attempt.
    DeliveryEnded {
        /// The event.
        event: EventId,
        /// When it was decided.
        at: UnixMs,
        /// How it ended.
        ending: Ending,
    },
}

/// How an attempt ended. An outcome is data, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The destination answered with this status.
    Answered(u16),
    /// The destination refused the connection.
    Refused,
    /// No connection could be made: no address, no route, TLS failed.
    NotConnected,
    /// No answer came in time.
    TimedOut,
    /// The connection broke before the answer was whole.
    Broken,
    /// The agent's owner does not allow this destination, or the request cannot be made from it.
    NotAllowed,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, not before this time.
    RetryAt(UnixMs),
    /// Nothing: the delivery has ended.
    End(Ending),
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The destination took it.
    Sent,
    /// It was attempted, and no further attempt is due.
    Failed,
    /// A rule or a function kept it back.
    Rejected,
    /// Its window passed undelivered.
    Expired,
}

impl Fact {
    /// The event that the fact is about.
    pub fn event(&self) -> EventId {
        match self {
            Self::AttemptFinished { event, .. } | Self::DeliveryEnded { event, .. } => *event,
        }
    }

    /// How the delivery ended, if this fact ends it.
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Self::AttemptFinished { next: Next::End(ending), .. } | Self::DeliveryEnded { ending, .. } => Some(*ending),
            Self::AttemptFinished { next: Next::RetryAt(_), .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
