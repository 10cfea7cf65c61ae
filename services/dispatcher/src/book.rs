//! What a courier has to do: which events wait, which are in hand, which are tried again, and how
//! many more it wants. Pure decisions; the courier carries them out.
//!
//! First attempts begin in the order in which events came. How many may be in hand at once grows
//! with every success and falls to one with a failure. After some failures in a row the output is
//! suspect: then one attempt at a time, and only at events that failed before, until one succeeds.
//! So an output that is dead holds up a handful of its own events, and nothing else.

use std::collections::{HashMap, VecDeque};

use model::{EventId, UnixMs};
use store::cursor::{Pulled, Receipt};

/// The most attempts of one cursor that are in hand at once.
pub(crate) const IN_HAND_MAX: usize = 64;
/// The most events that wait here, taken from the log and not yet in hand.
pub(crate) const WAITING_MAX: usize = 64;
/// The most events that wait for another attempt; while so many do, no first attempt begins.
pub(crate) const RETRYING_MAX: usize = 32;
/// After so many failures in a row an output is suspect.
pub(crate) const SUSPECT_AFTER: u32 = 5;

/// An event that is due to this cursor.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The event as it was taken from the log.
    pub(crate) pulled: Pulled,
    /// The number of its next, or running, attempt.
    pub(crate) attempt: u32,
}

impl Due {
    pub(crate) fn event(&self) -> EventId {
        self.pulled.event
    }
}

/// The events of one cursor that a courier has.
#[derive(Debug)]
pub(crate) struct Book {
    waiting: VecDeque<Due>,
    retrying: Vec<(UnixMs, Due)>,
    in_hand: HashMap<EventId, Due>,
    /// Attempts whose facts are not yet in the log.
    concluding: HashMap<EventId, Due>,
    limit: usize,
    failures: u32,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            retrying: Vec::new(),
            in_hand: HashMap::new(),
            concluding: HashMap::new(),
            limit: 1,
            failures: 0,
        }
    }

    /// Takes in an event. One that is here already was given out again, after a restart of NATS
    /// for example: then only what it is acknowledged by is new.
    pub(crate) fn take(&mut self, pulled: Pulled) {
        if let Some(due) = self.find(pulled.event) {
            due.pulled.receipt = pulled.receipt;
            return;
        }
        let attempt = pulled.tried + 1;
        self.waiting.push_back(Due { pulled, attempt });
    }

    /// How many more events may come.
    pub(crate) fn wanted(&self) -> usize {
        if self.retrying.len() >= RETRYING_MAX || (self.is_suspect() && !self.retrying.is_empty()) {
            return 0;
        }
        // A cursor that has proven itself reads ahead.
        let ahead = if self.limit == IN_HAND_MAX { WAITING_MAX } else { self.limit };
        (self.limit + ahead).saturating_sub(self.waiting.len() + self.in_hand.len())
    }

    /// The event whose attempt may begin now, if any; it is in hand from then on.
    pub(crate) fn begin(&mut self, now: UnixMs) -> Option<Due> {
        let limit = if self.is_suspect() { 1 } else { self.limit };
        if self.in_hand.len() >= limit {
            return None;
        }
        let first = self.retrying.iter().enumerate().min_by_key(|(_, (at, _))| *at);
        let due = match first {
            Some((index, (at, _))) if *at <= now => self.retrying.swap_remove(index).1,
            Some(_) if self.is_suspect() || self.retrying.len() >= RETRYING_MAX => return None,
            _ => self.waiting.pop_front()?,
        };
        self.in_hand.insert(due.event(), due.clone());
        Some(due)
    }

    /// When the next waiting attempt is due, if nothing else happens before.
    pub(crate) fn next_at(&self) -> Option<UnixMs> {
        self.retrying.iter().map(|(at, _)| *at).min()
    }

    /// The attempt could not be begun; it is the next one again.
    pub(crate) fn put_back(&mut self, event: EventId) {
        if let Some(due) = self.in_hand.remove(&event) {
            self.waiting.push_front(due);
        }
    }

    /// The session that had the event in hand is gone: nobody knows how its attempt ended.
    pub(crate) fn lost(&mut self, event: EventId) {
        if let Some(mut due) = self.in_hand.remove(&event) {
            due.attempt += 1;
            let place = self.waiting.iter().position(|w| w.event() > event).unwrap_or(self.waiting.len());
            self.waiting.insert(place, due);
        }
    }

    /// The event is no longer in hand; its fact is on the way. `None` if it was not.
    pub(crate) fn conclude(&mut self, event: EventId) -> Option<Due> {
        let due = self.in_hand.remove(&event)?;
        self.concluding.insert(event, due.clone());
        Some(due)
    }

    /// Notes whether an attempt succeeded.
    pub(crate) fn note(&mut self, success: bool) {
        if success {
            self.failures = 0;
            self.limit = (self.limit * 2).min(IN_HAND_MAX);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.limit = 1;
        }
    }

    /// The ending of the event is in the log; returns what to acknowledge.
    pub(crate) fn ended(&mut self, event: EventId) -> Option<Receipt> {
        self.concluding.remove(&event).map(|due| due.pulled.receipt)
    }

    /// That the event is tried again is in the log.
    pub(crate) fn retry(&mut self, event: EventId, at: UnixMs) {
        if let Some(mut due) = self.concluding.remove(&event) {
            due.attempt += 1;
            self.retrying.push((at, due));
        }
    }

    /// Whether the output has failed so often that it is tried one event at a time.
    pub(crate) fn is_suspect(&self) -> bool {
        self.failures >= SUSPECT_AFTER
    }

    /// How many attempts are in hand.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// What to acknowledge every event here by, in any order.
    pub(crate) fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.all().map(|due| &due.pulled.receipt)
    }

    /// Everything that has not ended, in the order in which it came.
    pub(crate) fn into_receipts(self) -> Vec<Receipt> {
        let mut all: Vec<Due> = self.all().cloned().collect();
        all.sort_by_key(Due::event);
        all.into_iter().map(|due| due.pulled.receipt).collect()
    }

    fn all(&self) -> impl Iterator<Item = &Due> {
        let retrying = self.retrying.iter().map(|(_, due)| due);
        self.waiting.iter().chain(retrying).chain(self.in_hand.values()).chain(self.concluding.values())
    }

    fn find(&mut self, event: EventId) -> Option<&mut Due> {
        if self.in_hand.contains_key(&event) {
            return self.in_hand.get_mut(&event);
        }
        if self.concluding.contains_key(&event) {
            return self.concluding.get_mut(&event);
        }
        let retrying = self.retrying.iter_mut().map(|(_, due)| due);
        self.waiting.iter_mut().chain(retrying).find(|due| due.event() == event)
    }
}

#[cfg(test)]
mod tests;
