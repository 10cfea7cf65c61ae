//! Facts: what happened to deliveries, in the past tense, one line each in the log.
//!
//! Duplicates are normal: a fact that is applied twice changes nothing the second time.

use serde::{Deserialize, Serialize};

use crate::id::EventId;
use crate::reason::Reason;
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
        /// Why, where the outcome does not say.
        reason: Option<Reason>,
        /// Where the event lies in its stream, so that it can be read again for the next attempt.
        place: Option<u64>,
        /// Where the destination's answer is kept, if it is.
        answer: Option<AnswerRef>,
    },
    /// A delivery ended without another attempt.
    DeliveryEnded {
        /// The event.
        event: EventId,
        /// When it was decided.
        at: UnixMs,
        /// How it ended.
        ending: Ending,
        /// Why, where the ending does not say.
        reason: Option<Reason>,
    },
    /// A client said how a delivery that it was given over a WebSocket ended.
    Reported {
        /// The event.
        event: EventId,
        /// When it was said.
        at: UnixMs,
        /// How it ended.
        ending: Ending,
        /// The status that the client tells of; 0 when it tells of none.
        status: u16,
        /// How long it took, in milliseconds.
        duration_ms: u32,
        /// Where the answer that the client gave is kept, if it is.
        answer: Option<AnswerRef>,
    },
}

/// Where an answer is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerRef {
    /// The sequence of its message in the stream of facts.
    pub sequence: u64,
    /// Its place in that message.
    pub index: u32,
    /// The size of its whole body, in bytes.
    pub body_bytes: u64,
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

impl Outcome {
    /// What it is called where people and collectors read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Refused => "refused",
            Self::NotConnected => "not_connected",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
            Self::NotAllowed => "not_allowed",
        }
    }

    /// The status that the destination answered with, if it answered.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::Refused | Self::NotConnected | Self::TimedOut | Self::Broken | Self::NotAllowed => None,
        }
    }
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
            Self::AttemptFinished { event, .. } | Self::DeliveryEnded { event, .. } | Self::Reported { event, .. } => {
                *event
            }
        }
    }

    /// When it happened.
    pub fn at(&self) -> UnixMs {
        match self {
            Self::AttemptFinished { at, .. } | Self::DeliveryEnded { at, .. } | Self::Reported { at, .. } => *at,
        }
    }

    /// The same fact, with where the answer is kept.
    pub fn with_answer(mut self, kept: AnswerRef) -> Self {
        match &mut self {
            Self::AttemptFinished { answer, .. } | Self::Reported { answer, .. } => *answer = Some(kept),
            Self::DeliveryEnded { .. } => {}
        }
        self
    }

    /// How the delivery ended, if this fact ends it.
    pub fn ending(&self) -> Option<Ending> {
        match self {
            Self::AttemptFinished { next: Next::End(ending), .. }
            | Self::DeliveryEnded { ending, .. }
            | Self::Reported { ending, .. } => Some(*ending),
            Self::AttemptFinished { next: Next::RetryAt(_), .. } => None,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
