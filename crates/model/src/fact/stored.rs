//! The stored form of facts: a list of them in one message, in Protocol Buffers.
//!
//! Numbers of fields and codes are never used again for another meaning. A reader that meets a
//! code that it does not know says so instead of guessing.

use prost::Message;

use super::{AnswerRef, Ending, Fact, Next, Outcome};
use crate::id::EventId;
use crate::reason::Reason;
use crate::time::UnixMs;

/// Stored facts that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the wire format at all.
    #[error("facts are not readable")]
    Format(#[from] prost::DecodeError),
    /// A field has a value that this version does not know.
    #[error("fact has an unknown {field}: {value}")]
    Unknown {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
}

/// Encodes facts into one message, in order.
pub fn encode(facts: &[Fact]) -> Vec<u8> {
    let lines = facts.iter().map(line).collect();
    List { lines }.encode_to_vec()
}

/// Decodes the facts of one message, in order.
///
/// # Errors
/// When the bytes are no list of facts, or one has a code of a later version.
pub fn decode(bytes: &[u8]) -> Result<Vec<Fact>, DecodeError> {
    List::decode(bytes)?.lines.iter().map(fact).collect()
}

#[derive(Clone, PartialEq, Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(bytes = "vec", tag = "1")]
    event: Vec<u8>,
    #[prost(uint64, tag = "2")]
    at_ms: u64,
    /// 0: no attempt, the delivery ended without one.
    #[prost(uint32, tag = "3")]
    attempt: u32,
    #[prost(uint32, tag = "4")]
    outcome: u32,
    /// The status when the outcome is an answer.
    #[prost(uint32, tag = "5")]
    status: u32,
    #[prost(uint32, tag = "6")]
    duration_ms: u32,
    /// 0: not ended.
    #[prost(uint32, tag = "7")]
    ending: u32,
    #[prost(uint64, tag = "8")]
    retry_at_ms: u64,
    /// 0: none is said.
    #[prost(uint32, tag = "9")]
    reason: u32,
    /// 0: not said. Sequences begin with 1.
    #[prost(uint64, tag = "10")]
    place: u64,
    /// 0: no answer is kept.
    #[prost(uint64, tag = "11")]
    answer_sequence: u64,
    #[prost(uint32, tag = "12")]
    answer_index: u32,
    #[prost(uint64, tag = "13")]
    answer_bytes: u64,
    /// A client said it; `attempt` is 0 then, and `status` is what it told of.
    #[prost(bool, tag = "14")]
    reported: bool,
}

fn line(fact: &Fact) -> Line {
    let mut line = Line { event: fact.event().as_bytes().to_vec(), at_ms: fact.at().0, ..Line::default() };
    line.ending = fact.ending().map_or(0, ending_code);
    match *fact {
        Fact::AttemptFinished { attempt, outcome, duration_ms, next, reason, place, answer, .. } => {
            line.attempt = attempt;
            (line.outcome, line.status) = outcome_code(outcome);
            line.duration_ms = duration_ms;
            if let Next::RetryAt(at) = next {
                line.retry_at_ms = at.0;
            }
            line.reason = reason.map_or(0, Reason::code);
            line.place = place.unwrap_or(0);
            line.set_answer(answer);
        }
        Fact::DeliveryEnded { reason, .. } => line.reason = reason.map_or(0, Reason::code),
        Fact::Reported { status, duration_ms, answer, .. } => {
            line.reported = true;
            line.status = status.into();
            line.duration_ms = duration_ms;
            line.set_answer(answer);
        }
    }
    line
}

impl Line {
    fn set_answer(&mut self, answer: Option<AnswerRef>) {
        if let Some(answer) = answer {
            self.answer_sequence = answer.sequence;
            self.answer_index = answer.index;
            self.answer_bytes = answer.body_bytes;
        }
    }

    fn answer(&self) -> Option<AnswerRef> {
        let answer =
            AnswerRef { sequence: self.answer_sequence, index: self.answer_index, body_bytes: self.answer_bytes };
        (answer.sequence != 0).then_some(answer)
    }
}

fn fact(line: &Line) -> Result<Fact, DecodeError> {
    let event = EventId::from_slice(&line.event).map_err(|_| DecodeError::Unknown { field: "event id", value: 0 })?;
    let at = UnixMs(line.at_ms);
    let ending = match line.ending {
        0 => None,
        code => Some(ending_of(code)?),
    };
    // A reason of a later version changes nothing of what happened.
    let reason = Reason::of(line.reason);
    if line.attempt != 0 {
        return Ok(Fact::AttemptFinished {
            event,
            at,
            attempt: line.attempt,
            outcome: outcome_of(line.outcome, line.status)?,
            duration_ms: line.duration_ms,
            next: ending.map_or(Next::RetryAt(UnixMs(line.retry_at_ms)), Next::End),
            reason,
            place: Some(line.place).filter(|place| *place != 0),
            answer: line.answer(),
        });
    }
    let ending = ending.ok_or(DecodeError::Unknown { field: "ending", value: 0 })?;
    if line.reported {
        let (status, duration_ms) = (status_of(line.status)?, line.duration_ms);
        return Ok(Fact::Reported { event, at, ending, status, duration_ms, answer: line.answer() });
    }
    Ok(Fact::DeliveryEnded { event, at, ending, reason })
}

fn ending_code(ending: Ending) -> u32 {
    match ending {
        Ending::Sent => 1,
        Ending::Failed => 2,
        Ending::Rejected => 3,
        Ending::Expired => 4,
    }
}

fn ending_of(code: u32) -> Result<Ending, DecodeError> {
    Ok(match code {
        1 => Ending::Sent,
        2 => Ending::Failed,
        3 => Ending::Rejected,
        4 => Ending::Expired,
        value => return Err(DecodeError::Unknown { field: "ending", value }),
    })
}

fn outcome_code(outcome: Outcome) -> (u32, u32) {
    match outcome {
        Outcome::Answered(status) => (1, status.into()),
        Outcome::Refused => (2, 0),
        Outcome::NotConnected => (3, 0),
        Outcome::TimedOut => (4, 0),
        Outcome::Broken => (5, 0),
        Outcome::NotAllowed => (6, 0),
    }
}

fn outcome_of(code: u32, status: u32) -> Result<Outcome, DecodeError> {
    Ok(match code {
        1 => Outcome::Answered(status_of(status)?),
        2 => Outcome::Refused,
        3 => Outcome::NotConnected,
        4 => Outcome::TimedOut,
        5 => Outcome::Broken,
        6 => Outcome::NotAllowed,
        value => return Err(DecodeError::Unknown { field: "outcome", value }),
    })
}

fn status_of(value: u32) -> Result<u16, DecodeError> {
    u16::try_from(value).map_err(|_| DecodeError::Unknown { field: "status", value })
}
