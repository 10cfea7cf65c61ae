//! Conversions between the model and what goes over the wire.

use model::answer::Answer;
use model::fact::Outcome;
use model::request::{self, Request};

use crate::v1;

/// A message that follows the wire format but not the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// A status outside 100..=999, or an outcome that is not said.
    #[error("message has no valid outcome")]
    Outcome,
}

impl From<Request> for v1::Request {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            extra_path: request.extra_path,
            query: request.query,
            headers: request.headers.into_iter().map(Into::into).collect(),
            body: request.body,
            body_bytes: request.body_bytes,
            has_body: request.has_body,
            peer: request.peer,
            tls: request.tls,
        }
    }
}

impl From<v1::Request> for Request {
    fn from(request: v1::Request) -> Self {
        Self {
            method: request.method,
            extra_path: request.extra_path,
            query: request.query,
            headers: request.headers.into_iter().map(Into::into).collect(),
            body: request.body,
            chunks: None,
            body_bytes: request.body_bytes,
            has_body: request.has_body,
            peer: request.peer,
            tls: request.tls,
        }
    }
}

impl From<request::Header> for v1::Header {
    fn from(header: request::Header) -> Self {
        Self { name: header.name, value: header.value }
    }
}

impl From<v1::Header> for request::Header {
    fn from(header: v1::Header) -> Self {
        Self { name: header.name, value: header.value }
    }
}

impl From<Answer> for v1::Answer {
    fn from(answer: Answer) -> Self {
        let headers = answer.headers.into_iter().map(Into::into).collect();
        Self { headers, body: answer.body, body_bytes: answer.body_bytes }
    }
}

impl v1::Outcome {
    /// The report that attempt `number` ended so.
    pub fn new(number: u64, outcome: Outcome, duration_ms: u32) -> Self {
        use v1::OutcomeKind as Kind;
        let (kind, status) = match outcome {
            Outcome::Answered(status) => (Kind::Answered, status.into()),
            Outcome::Refused => (Kind::Refused, 0),
            Outcome::NotConnected => (Kind::NotConnected, 0),
            Outcome::TimedOut => (Kind::TimedOut, 0),
            Outcome::Broken => (Kind::Broken, 0),
            Outcome::NotAllowed => (Kind::NotAllowed, 0),
        };
        Self { number, kind: kind.into(), status, duration_ms, answer: None }
    }

    /// The same report with what the destination answered.
    pub fn with_answer(self, answer: Option<Answer>) -> Self {
        Self { answer: answer.map(Into::into), ..self }
    }

    /// Takes what the destination answered out of the report.
    pub fn take_answer(&mut self) -> Option<Answer> {
        let v1::Answer { headers, body, body_bytes } = self.answer.take()?;
        Some(Answer { status: self.status, headers: headers.into_iter().map(Into::into).collect(), body, body_bytes })
    }

    /// How the attempt ended.
    ///
    /// # Errors
    /// When the kind is not said or unknown, or the status is none of HTTP's.
    pub fn outcome(&self) -> Result<Outcome, InvalidMessage> {
        use v1::OutcomeKind as Kind;
        Ok(match Kind::try_from(self.kind).map_err(|_| InvalidMessage::Outcome)? {
            Kind::Unspecified => return Err(InvalidMessage::Outcome),
            Kind::Answered => match u16::try_from(self.status) {
                Ok(status @ 100..=999) => Outcome::Answered(status),
                _ => return Err(InvalidMessage::Outcome),
            },
            Kind::Refused => Outcome::Refused,
            Kind::NotConnected => Outcome::NotConnected,
            Kind::TimedOut => Outcome::TimedOut,
            Kind::Broken => Outcome::Broken,
            Kind::NotAllowed => Outcome::NotAllowed,
        })
    }
}

#[cfg(test)]
mod tests;
