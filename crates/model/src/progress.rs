//! The fold of a cursor's facts: which deliveries have ended, how often the others were tried, and
//! when they are tried again.

use std::collections::HashMap;

use crate::fact::{Ending, Fact, Next};
use crate::id::EventId;
use crate::time::UnixMs;

/// What the facts of one cursor say about its deliveries.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    deliveries: HashMap<EventId, Delivery>,
    last_sent_at: Option<UnixMs>,
}

/// A delivery of which there are facts.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    state: State,
    /// When something last happened to it.
    last_at: UnixMs,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never tried.
    New,
    /// Tried, and to be tried again.
    Tried(Again),
    /// Ended.
    Ended(Ending),
}

/// When a delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// How often it was tried.
    pub tried: u32,
    /// Not before this time.
    pub at: UnixMs,
    /// Where the event lies in its stream, if that is known.
    pub place: Option<u64>,
}

impl State {
    /// When it is tried again, if it is.
    pub fn again(self) -> Option<Again> {
        match self {
            Self::Tried(again) => Some(again),
            Self::New | Self::Ended(_) => None,
        }
    }
}

impl Progress {
    /// Applies a fact. Applying it again changes nothing.
    pub fn apply(&mut self, fact: &Fact) {
        if fact.ending() == Some(Ending::Sent) {
            self.note_sent(Some(fact.at()));
        }
        let new = Delivery { state: State::New, last_at: fact.at() };
        let Delivery { state, last_at } = self.deliveries.entry(fact.event()).or_insert(new);
        *last_at = fact.at().max(*last_at);
        match (&mut *state, fact) {
            // The first ending stands: what was sent stays sent.
            (State::Ended(_), _) => {}
            (_, Fact::DeliveryEnded { ending, .. } | Fact::Reported { ending, .. }) => *state = State::Ended(*ending),
            (State::New | State::Tried(_), Fact::AttemptFinished { attempt, next, place, .. }) => match next {
                Next::End(ending) => *state = State::Ended(*ending),
                Next::RetryAt(at) if state.again().is_none_or(|again| *attempt > again.tried) => {
                    *state = State::Tried(Again { tried: *attempt, at: *at, place: *place });
                }
                Next::RetryAt(_) => {}
            },
        }
    }

    /// When a delivery last ended as sent, as far as is known.
    pub fn last_sent_at(&self) -> Option<UnixMs> {
        self.last_sent_at
    }

    /// A delivery ended as sent at this time, as is known from elsewhere.
    pub fn note_sent(&mut self, at: Option<UnixMs>) {
        self.last_sent_at = self.last_sent_at.max(at);
    }

    /// Where the delivery of that event stands.
    pub fn of(&self, event: EventId) -> State {
        self.deliveries.get(&event).map_or(State::New, |delivery| delivery.state)
    }

    /// Every delivery that is to be tried again, in no order.
    pub fn again(&self) -> impl Iterator<Item = (EventId, Again)> {
        self.deliveries.iter().filter_map(|(event, delivery)| Some((*event, delivery.state.again()?)))
    }

    /// Forgets that to which nothing has happened since `horizon`: it was received before, and no
    /// cursor reaches it any more. The time in its id is that of another process's clock.
    pub fn forget_before(&mut self, horizon: UnixMs) {
        self.deliveries.retain(|_, delivery| delivery.last_at >= horizon);
    }

    /// How many deliveries have facts.
    pub fn len(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether no delivery has facts.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
