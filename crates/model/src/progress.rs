//! The fold of a cursor's facts: which deliveries have ended, and how often the others were tried.

use std::collections::HashMap;

use crate::fact::{Ending, Fact};
use crate::id::EventId;
use crate::time::UnixMs;

/// What the facts of one cursor say about its deliveries.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    deliveries: HashMap<EventId, State>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Tried this many times without an ending.
    Tried(u32),
    /// Ended.
    Ended(Ending),
}

impl Progress {
    /// Applies a fact. Applying it again changes nothing.
    pub fn apply(&mut self, fact: &Fact) {
        let state = self.deliveries.entry(fact.event()).or_insert(State::Tried(0));
        match (&mut *state, fact) {
            // The first ending stands: what was sent stays sent.
            (State::Ended(_), _) => {}
            (_, Fact::DeliveryEnded { ending, .. } | Fact::Reported { ending, .. }) => *state = State::Ended(*ending),
            (State::Tried(tried), Fact::AttemptFinished { attempt, .. }) => match fact.ending() {
                Some(ending) => *state = State::Ended(ending),
                None => *tried = (*tried).max(*attempt),
            },
        }
    }

    /// Where the delivery of that event stands; an event without facts was tried 0 times.
    pub fn of(&self, event: EventId) -> State {
        self.deliveries.get(&event).copied().unwrap_or(State::Tried(0))
    }

    /// Forgets what was received before `horizon`: no cursor reaches it any more.
    pub fn forget_before(&mut self, horizon: UnixMs) {
        self.deliveries.retain(|event, _| event.received_at() >= horizon);
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
mod tests;
