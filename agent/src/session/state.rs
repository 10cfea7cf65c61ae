//! What may be said in a session, and when: the agent's side of the protocol without any I/O.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use model::{EventId, OutputId};
use proto::v1;
use proto::v1::to_agent::Message;
use tokio::time::Instant;

use crate::worker::{Attempt, Delivery};

/// The period of heartbeats is never taken to be shorter than this, whatever the dispatcher says.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);
/// Nor longer than this.
const HEARTBEAT_MAX: Duration = Duration::from_secs(300);

/// One session, from Hello to its end.
#[derive(Debug)]
pub struct State {
    credits: u32,
    phase: Phase,
    /// The highest number seen; several deliveries may overtake each other on their way here.
    highest: u64,
    /// Attempts under way, and how much of their bodies is still to come.
    in_flight: HashMap<u64, u64>,
    heard_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    HelloSaid,
    Open { heartbeat: Duration },
}

/// What follows from a message.
#[derive(Debug)]
pub enum Step {
    /// The session is open.
    Opened(v1::Welcome),
    /// An attempt is asked for.
    Deliver(Box<Delivery>),
    /// A piece of the body of an attempt that is under way.
    Piece {
        /// Which attempt.
        number: u64,
        /// The bytes.
        data: Bytes,
        /// Whether the body is whole with it.
        is_last: bool,
    },
    /// The rest of the body of an attempt that is under way will not come.
    GiveUp {
        /// Which attempt.
        number: u64,
    },
    /// There is a new session token.
    Renewed(v1::SessionToken),
    /// A session elsewhere is to be opened.
    Drain,
    /// Nothing.
    Nothing,
}

/// The dispatcher broke the protocol; the session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A message of a kind that this agent does not know: forwarding is HTTP requests only.
    #[error("the dispatcher asked for something other than an HTTP request")]
    UnknownMessage,
    /// Something before Welcome.
    #[error("the dispatcher did not begin with welcome")]
    NoWelcome,
    /// Welcome twice.
    #[error("the dispatcher said welcome twice")]
    SecondWelcome,
    /// The number of a delivery is 0, or that of another one under way.
    #[error("the dispatcher gave a delivery no number of its own")]
    Number,
    /// More deliveries at once than the agent granted.
    #[error("the dispatcher sent more deliveries than there were credits")]
    Credits,
    /// A delivery without request or destination, with an id that is none, with attempt 0, or
    /// with more body than announced.
    #[error("the dispatcher sent a malformed delivery")]
    Delivery,
    /// A piece of a body for a delivery that was never announced, or beyond its size.
    #[error("the dispatcher sent a piece of a body that belongs to no delivery")]
    Piece,
}

impl State {
    /// A session whose Hello, granting `credits`, is being said.
    pub fn new(credits: u32, now: Instant) -> Self {
        Self { credits, phase: Phase::HelloSaid, highest: 0, in_flight: HashMap::new(), heard_at: now }
    }

    /// Takes in a message.
    ///
    /// # Errors
    /// When the dispatcher breaks the protocol.
    pub fn receive(&mut self, message: v1::ToAgent, now: Instant) -> Result<Step, Violation> {
        self.heard_at = now;
        let message = message.message.ok_or(Violation::UnknownMessage)?;
        match (self.phase, message) {
            (Phase::HelloSaid, Message::Welcome(welcome)) => {
                let heartbeat = Duration::from_millis(welcome.heartbeat_ms.into());
                self.phase = Phase::Open { heartbeat: heartbeat.clamp(HEARTBEAT_MIN, HEARTBEAT_MAX) };
                Ok(Step::Opened(welcome))
            }
            (Phase::HelloSaid, _) => Err(Violation::NoWelcome),
            (Phase::Open { .. }, Message::Welcome(_)) => Err(Violation::SecondWelcome),
            (Phase::Open { .. }, Message::Delivery(delivery)) => self.delivery(delivery),
            (Phase::Open { .. }, Message::BodyChunk(chunk)) => self.piece(chunk),
            (Phase::Open { .. }, Message::Heartbeat(v1::Heartbeat {})) => Ok(Step::Nothing),
            (Phase::Open { .. }, Message::SessionToken(token)) => Ok(Step::Renewed(token)),
            (Phase::Open { .. }, Message::Drain(v1::Drain {})) => Ok(Step::Drain),
        }
    }

    /// An attempt has ended; its credit is the dispatcher's again. `false`: none such is under way.
    pub fn finished(&mut self, number: u64) -> bool {
        self.in_flight.remove(&number).is_some()
    }

    /// Whether no attempt is under way.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// How often the agent says that it is alive; not before Welcome.
    pub fn heartbeat(&self) -> Option<Duration> {
        match self.phase {
            Phase::HelloSaid => None,
            Phase::Open { heartbeat } => Some(heartbeat),
        }
    }

    /// Counts as heard: the dispatcher has spoken, but the agent had no room to listen.
    pub fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    /// When the dispatcher counts as dead, unless it is heard before.
    pub fn dead_at(&self) -> Option<Instant> {
        self.heartbeat().map(|heartbeat| self.heard_at + 2 * heartbeat)
    }

    fn delivery(&mut self, delivery: v1::Delivery) -> Result<Step, Violation> {
        if delivery.number == 0 || self.in_flight.contains_key(&delivery.number) {
            return Err(Violation::Number);
        }
        if self.in_flight.len() >= self.credits as usize {
            return Err(Violation::Credits);
        }
        let delivery = parse(delivery).ok_or(Violation::Delivery)?;
        let body_bytes_left =
            (delivery.request.body_bytes).checked_sub(delivery.request.body.len() as u64).ok_or(Violation::Delivery)?;
        self.highest = self.highest.max(delivery.number);
        self.in_flight.insert(delivery.number, body_bytes_left);
        Ok(Step::Deliver(Box::new(delivery)))
    }

    fn piece(&mut self, chunk: v1::BodyChunk) -> Result<Step, Violation> {
        let v1::BodyChunk { number, data, broken } = chunk;
        let Some(left) = self.in_flight.get_mut(&number) else {
            // The attempt may have ended before the pieces of its body that were on their way.
            let is_late = (1..=self.highest).contains(&number);
            return if is_late { Ok(Step::Nothing) } else { Err(Violation::Piece) };
        };
        if broken {
            *left = 0;
            return Ok(Step::GiveUp { number });
        }
        *left = left.checked_sub(data.len() as u64).ok_or(Violation::Piece)?;
        Ok(Step::Piece { number, data, is_last: *left == 0 })
    }
}

fn parse(delivery: v1::Delivery) -> Option<Delivery> {
    let output: [u8; 16] = delivery.output_id[..].try_into().ok()?;
    let attempt = Attempt {
        event: EventId::from_slice(&delivery.event_id).ok()?,
        output: OutputId(uuid::Uuid::from_bytes(output)),
        number: delivery.attempt,
    };
    (attempt.number > 0).then_some(Delivery {
        number: delivery.number,
        attempt,
        request: delivery.request?.into(),
        destination: delivery.destination?,
        answer_bytes_max: delivery.answer_bytes_max,
        trace: delivery.traceparent.parse().ok(),
    })
}

#[cfg(test)]
mod tests;
