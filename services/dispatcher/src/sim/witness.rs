//! What was seen in a schedule, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use model::EventId;
use model::fact::{Ending, Fact, Outcome};
use model::progress::{Progress, State};

use super::plan::{Class, Keeps, Plan};

/// How many keys events have.
pub(super) const KEYS: u64 = 3;

/// What was seen of one output.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// What the log says, as a whole.
    pub(super) progress: Progress,
    /// How often an ending of an event is in the log.
    endings: HashMap<EventId, u32>,
    /// Attempts that have a fact.
    finished: HashMap<(EventId, u32), u32>,
    /// How often each attempt arrived at the destination.
    arrived: BTreeMap<(EventId, u32), u32>,
    first: Vec<EventId>,
    seen: HashSet<EventId>,
    succeeded: HashMap<EventId, u32>,
}

/// The key of an event, by its place.
pub(super) fn key(place: u64) -> u64 {
    place % KEYS
}

impl Witness {
    /// A fact is in the log.
    pub(super) fn logged(&mut self, fact: &Fact) {
        self.progress.apply(fact);
        if fact.ending().is_some() {
            *self.endings.entry(fact.event()).or_default() += 1;
        }
        if let Fact::AttemptFinished { event, attempt, .. } = fact {
            *self.finished.entry((*event, *attempt)).or_default() += 1;
        }
    }

    /// The event is about to be acknowledged: then the log must have it.
    pub(super) fn acknowledged(&self, event: EventId) -> Result<(), String> {
        match self.progress.of(event) {
            State::Ended(_) => Ok(()),
            State::Tried(again) if again.place.is_some() => Ok(()),
            state => Err(format!("{event} was acknowledged, and the log says {state:?}")),
        }
    }

    /// An attempt arrived at the destination. `place` is that of its event, `events` all that came.
    pub(super) fn arrived(
        &mut self,
        plan: &Plan,
        event: EventId,
        attempt: u32,
        place: u64,
        events: &[EventId],
    ) -> Result<(), String> {
        *self.arrived.entry((event, attempt)).or_default() += 1;
        if !self.seen.insert(event) {
            return Ok(());
        }
        if let Some(last) = self.first.last().filter(|last| *last > &event)
            && plan.class == Class::Calm
            && plan.has_one_holder()
            && (plan.agents == 1 || plan.order == Keeps::Strict)
            && plan.order != Keeps::Key
        {
            return Err(format!("{event} arrived first after {last}"));
        }
        self.first.push(event);
        let waits_for = |other: u64| match plan.order {
            Keeps::Arrival => false,
            Keeps::Strict => true,
            Keeps::Key => key(other) == key(place),
        };
        let before = events.iter().zip(1..place).filter(|(_, other)| waits_for(*other));
        for (other, _) in before {
            let has_ended = matches!(self.progress.of(*other), State::Ended(_));
            if !has_ended && plan.class <= Class::Agents && plan.has_one_holder() {
                return Err(format!("{event} arrived before {other} had ended"));
            }
        }
        Ok(())
    }

    /// The destination took it.
    pub(super) fn answered(&mut self, event: EventId, outcome: Outcome) {
        if outcome == Outcome::Answered(200) {
            *self.succeeded.entry(event).or_default() += 1;
        }
    }

    /// How many attempts arrived.
    pub(super) fn attempts(&self) -> u64 {
        self.arrived.values().map(|count| u64::from(*count)).sum()
    }

    /// How many events the destination took more than once.
    pub(super) fn doubled(&self) -> u64 {
        self.succeeded.values().filter(|count| **count > 1).count() as u64
    }

    /// Whether every event has ended.
    pub(super) fn is_settled(&self, events: &[EventId]) -> bool {
        events.iter().all(|event| matches!(self.progress.of(*event), State::Ended(_)))
    }

    /// What must hold when all is over.
    pub(super) fn check(&self, plan: &Plan, events: &[EventId]) -> Result<(), String> {
        for event in events {
            let ending = match self.progress.of(*event) {
                State::Ended(ending) => ending,
                state => return Err(format!("{event} never ended: {state:?}")),
            };
            let succeeded = self.succeeded.get(event).copied().unwrap_or(0);
            let is_told = plan.class > Class::Calm || (ending == Ending::Sent) == (succeeded > 0);
            if ending == Ending::Expired || !is_told {
                return Err(format!("{event} ended as {ending:?}; the destination took it {succeeded} times"));
            }
            if ending == Ending::Sent && succeeded == 0 {
                return Err(format!("{event} counts as sent, and never was"));
            }
            if plan.class <= Class::Agents && self.endings.get(event) != Some(&1) {
                return Err(format!("{event} ended {:?} times", self.endings.get(event)));
            }
            // A link that is cut makes nobody forget what was done, nor does a dispatcher that is killed: the agent
            // knows.
            let is_known = plan.class <= Class::Links || plan.class == Class::Kills && plan.agents == 1;
            if is_known && succeeded > 1 {
                return Err(format!("the destination took {event} {succeeded} times"));
            }
        }
        if plan.class == Class::Calm {
            let twice = self.arrived.iter().find(|(_, count)| **count != 1);
            let attempts: BTreeSet<_> = self.arrived.keys().copied().collect();
            let facts: BTreeSet<_> = self.finished.keys().copied().collect();
            if twice.is_some() || attempts != facts {
                return Err(format!("nothing failed, and yet: {twice:?}, attempts {attempts:?}, facts {facts:?}"));
            }
        }
        Ok(())
    }
}
