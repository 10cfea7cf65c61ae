//! What a courier has to do: which events wait, which are in hand, which are tried again, and how
//! many more it wants. Pure decisions; the courier carries them out.
//!
//! The cast: `limits` is what the output's policy allows. `circuit` notes how the output fares,
//! `pace` how fast attempts begin. `keys` lets deliveries with the same key wait for each other.
//! `parked` has those whose next attempt is far away.
//!
//! First attempts begin in the order in which events came. How many may be in hand at once grows
//! with every success and falls to one with a failure. After some failures in a row the output is
//! suspect: it is left alone for a while, then one attempt at a time probes, and only at events
//! that failed before, until one succeeds. So an output that is dead holds up a handful of its own
//! events, and nothing else.

mod limits;

mod circuit;

mod pace;

mod keys;

mod parked;

mod standing;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use model::order::Key;
use model::progress::Again;
use model::record::Paused;
use model::{EventId, UnixMs};
use store::cursor::{Pulled, Receipt};

use circuit::Circuit;
use keys::Keys;
use limits::Waits;
use pace::Pace;
use parked::Park;

pub(crate) use limits::Limits;
pub(crate) use parked::Parked;

/// The most attempts of one cursor that are in hand at once.
pub(crate) const IN_HAND_MAX: usize = 64;
/// The most events that wait here, taken from the log and not yet in hand.
pub(crate) const WAITING_MAX: usize = 64;
/// The most events that wait for another attempt; while so many do, no first attempt begins.
pub(crate) const RETRYING_MAX: usize = 32;
/// A delivery that waits for longer than this until it is tried again is parked.
pub(crate) const PARK_FROM: Duration = Duration::from_secs(15);

/// An event that is due to this cursor.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The event as it was taken from the log.
    pub(crate) pulled: Pulled,
    /// The number of its next, or running, attempt.
    pub(crate) attempt: u32,
    /// Its key, once it is known, where order is kept by key.
    pub(crate) key: Option<Key>,
    /// It was taken over from the facts: NATS may give the event to another who works on the cursor.
    pub(crate) adopted: bool,
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
    parked: Park,
    keys: Keys,
    limit: usize,
    limits: Limits,
    circuit: Circuit,
    pace: Pace,
}

impl Book {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            retrying: Vec::new(),
            in_hand: HashMap::new(),
            concluding: HashMap::new(),
            parked: Park::default(),
            keys: Keys::default(),
            limit: 1,
            limits: Limits::default(),
            circuit: Circuit::default(),
            pace: Pace::default(),
        }
    }

    /// What the output's policy allows from now on.
    pub(crate) fn allow(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes in an event; returns what to acknowledge it by if it is parked. One that is here
    /// already was given out again, after a restart of NATS for example: then only what it is
    /// acknowledged by is new.
    pub(crate) fn take(&mut self, pulled: Pulled, now: UnixMs) -> Option<Receipt> {
        if let Some(due) = self.find(pulled.event) {
            due.pulled.receipt = pulled.receipt;
            due.adopted = false;
            return None;
        }
        let again = pulled.again;
        // What was parked here is newer than what the log said when the cursor last read it.
        let own = self.parked.at(pulled.event).zip(self.parked.take(pulled.event)).filter(|(_, p)| !p.adopted);
        let (attempt, at) = match (own, again) {
            (Some((at, parked)), _) => (parked.attempt, at),
            (None, Some(again)) => (again.tried + 1, again.at),
            (None, None) => (1, now),
        };
        let due = Due { pulled, attempt, key: None, adopted: false };
        // Whom others with its key wait for is known only once it was opened.
        if at > now && self.limits.waits != Waits::SameKey {
            return self.wait_until(due, at, now);
        }
        self.waiting.push_back(due);
        None
    }

    /// How many more events may come.
    pub(crate) fn wanted(&self) -> usize {
        if self.retrying.len() >= RETRYING_MAX || (self.is_suspect() && !self.retrying.is_empty()) {
            return 0;
        }
        let limit = self.at_once();
        // A cursor that has proven itself reads ahead.
        let ahead = if limit == IN_HAND_MAX { WAITING_MAX } else { limit };
        (limit + ahead).saturating_sub(self.waiting.len() + self.in_hand.len() + self.keys.behind().len())
    }

    /// The event whose attempt may begin now, if any; it is in hand from then on.
    pub(crate) fn begin(&mut self, now: UnixMs) -> Option<Due> {
        let limit = if self.is_suspect() { 1 } else { self.at_once() };
        let is_held = self.limits.waits == Waits::Always && !self.concluding.is_empty();
        if self.in_hand.len() >= limit || is_held || self.not_before(now).is_some() {
            return None;
        }
        let first = self.retrying.iter().enumerate().min_by_key(|(_, (at, _))| *at);
        let due = match first {
            Some((index, (at, _))) if *at <= now => self.retrying.swap_remove(index).1,
            Some(_) if self.is_suspect() || self.retrying.len() >= RETRYING_MAX => return None,
            Some(_) if self.limits.waits == Waits::Always => return None,
            _ => self.next_first()?,
        };
        self.in_hand.insert(due.event(), due.clone());
        Some(due)
    }

    /// When the next waiting attempt is due, if nothing else happens before.
    pub(crate) fn next_at(&self, now: UnixMs) -> Option<UnixMs> {
        let retrying = self.retrying.iter().map(|(at, _)| *at);
        let parked = self.parked.first().map(|(at, _, _)| at);
        retrying.chain(parked).chain(self.not_before(now)).filter(|at| *at > now).min()
    }

    /// Which keys someone has, where order is kept by key: an event with one of them has to wait.
    pub(crate) fn busy_keys(&self) -> Option<HashSet<Key>> {
        (self.limits.waits == Waits::SameKey).then(|| self.keys.busy())
    }

    /// The attempt has begun; `key` is the event's, where order is kept by key.
    pub(crate) fn begun(&mut self, event: EventId, key: Option<Key>, now: UnixMs) {
        self.pace.begun(now, self.limits.rate);
        // It may have ended already.
        if let (Some(key), Some(due)) = (key, self.find(event)) {
            due.key = Some(key);
            self.keys.take(event, key);
        }
    }

    /// The event has to wait for another one with its key.
    pub(crate) fn wait_for_key(&mut self, event: EventId, key: Key) {
        if let Some(due) = self.in_hand.remove(&event) {
            self.keys.wait(due, key);
        }
    }

    /// The attempt could not be begun; it is the next one again.
    pub(crate) fn put_back(&mut self, event: EventId) {
        if let Some(due) = self.in_hand.remove(&event) {
            self.waiting.push_front(due);
        }
    }

    /// The session that had the event in hand is gone: nobody knows how its attempt ended. It is
    /// asked for again by the same number, so that an agent that comes back knows it.
    pub(crate) fn lost(&mut self, event: EventId) {
        if let Some(due) = self.in_hand.remove(&event) {
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

    /// Lets as many be in hand as may: a client of the public socket reports no failures.
    pub(crate) fn open_up(&mut self) {
        self.limit = IN_HAND_MAX;
    }

    /// Notes whether an attempt succeeded; returns what the output is to be paused with, if it did
    /// nothing but fail for as long as its policy says.
    pub(crate) fn note(&mut self, success: bool, now: UnixMs) -> Option<Paused> {
        self.limit = if success { (self.limit * 2).min(IN_HAND_MAX) } else { 1 };
        self.circuit.note(success, now, &self.limits);
        self.circuit.pause(now, &self.limits)
    }

    /// The ending of the event is in the log; returns what to acknowledge.
    pub(crate) fn ended(&mut self, event: EventId) -> Option<Receipt> {
        self.keys.free(event);
        self.concluding.remove(&event)?.pulled.receipt
    }

    /// The event, which is in hand, has ended elsewhere; returns what to acknowledge.
    pub(crate) fn ended_elsewhere(&mut self, event: EventId) -> Option<Receipt> {
        self.keys.free(event);
        self.in_hand.remove(&event)?.pulled.receipt
    }

    /// That the event is tried again is in the log; returns what to acknowledge it by if it is
    /// parked.
    pub(crate) fn retry(&mut self, event: EventId, at: UnixMs, now: UnixMs) -> Option<Receipt> {
        let mut due = self.concluding.remove(&event)?;
        due.attempt += 1;
        self.wait_until(due, at, now)
    }

    /// Takes over what the facts say is to be tried again and is not here; `when` says when, of an event and
    /// the time in the facts. What was taken over before, and not read since, is forgotten.
    pub(crate) fn adopt(
        &mut self,
        all: impl IntoIterator<Item = (EventId, Again)>,
        when: impl Fn(EventId, UnixMs) -> UnixMs,
    ) {
        self.parked.forget_adopted();
        for (event, again) in all {
            let is_here = self.parked.at(event).is_some() || self.find(event).is_some();
            if let (false, Some(place)) = (is_here, again.place) {
                let parked = Parked { place, attempt: again.tried + 1, adopted: true };
                self.parked.put(event, when(event, again.at), parked);
            }
        }
    }

    /// Forgets what was taken over, was read, and waits until attempts may begin: NATS may give it to another.
    pub(crate) fn give_up_adopted(&mut self) {
        self.retrying.retain(|(_, due)| !due.adopted);
    }

    /// The parked delivery whose event is to be read now, if any.
    pub(crate) fn parked_due(&self, now: UnixMs) -> Option<(EventId, Parked)> {
        let has_room = self.retrying.len() < RETRYING_MAX && self.not_before(now).is_none();
        let (at, event, parked) = self.parked.first().filter(|_| has_room)?;
        (at <= now).then_some((event, parked))
    }

    /// The event of a parked delivery was read, and is due.
    pub(crate) fn unpark(&mut self, pulled: Pulled, now: UnixMs) {
        if let Some(parked) = self.parked.take(pulled.event) {
            let Parked { attempt, adopted, .. } = parked;
            self.retrying.push((now, Due { pulled, attempt, key: None, adopted }));
        }
    }

    /// The event of a delivery is gone; returns whether it was still parked.
    pub(crate) fn forget_parked(&mut self, event: EventId) -> bool {
        self.parked.take(event).is_some()
    }

    /// Forgets what waits for its next attempt, and is not parked; returns what it was to be acknowledged by.
    /// NATS or the facts have it.
    pub(crate) fn let_go(&mut self) -> Vec<Receipt> {
        let retrying = self.retrying.drain(..).map(|(_, due)| due);
        let all: Vec<Due> = self.waiting.drain(..).chain(retrying).chain(self.keys.drain_behind()).collect();
        all.iter().for_each(|due| self.keys.free(due.event()));
        all.into_iter().filter_map(|due| due.pulled.receipt).collect()
    }

    /// Whether the output has failed so often that it is tried one event at a time.
    pub(crate) fn is_suspect(&self) -> bool {
        self.circuit.is_suspect(&self.limits)
    }

    /// How many attempts are in hand.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// What to acknowledge every event here by, in any order.
    pub(crate) fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.all().filter_map(|due| due.pulled.receipt.as_ref())
    }

    /// Takes out what nobody has in hand, in the order in which it came; nothing where one waits for
    /// another.
    pub(crate) fn leave_waiting(&mut self) -> Vec<Receipt> {
        if self.limits.waits != Waits::Never {
            return Vec::new();
        }
        let waiting = self.waiting.iter();
        let mut all: Vec<&Due> = waiting.chain(self.retrying.iter().map(|(_, due)| due)).collect();
        all.sort_by_key(|due| due.event());
        let receipts = all.into_iter().filter_map(|due| due.pulled.receipt.clone()).collect();
        // What was parked has none, and is still to be tried from here.
        self.waiting.retain(|due| due.pulled.receipt.is_none());
        self.retrying.retain(|(_, due)| due.pulled.receipt.is_none());
        receipts
    }

    /// Everything that has not ended, in the order in which it came.
    pub(crate) fn into_receipts(self) -> Vec<Receipt> {
        let mut all: Vec<&Due> = self.all().collect();
        all.sort_by_key(|due| due.event());
        all.into_iter().filter_map(|due| due.pulled.receipt.clone()).collect()
    }

    fn at_once(&self) -> usize {
        self.limit.min(self.limits.at_once)
    }

    /// Until when the circuit or the pace lets nothing begin, if that lies ahead.
    fn not_before(&self, now: UnixMs) -> Option<UnixMs> {
        self.circuit.open_until(now).max(self.pace.next_at(now, self.limits.rate))
    }

    fn next_first(&mut self) -> Option<Due> {
        let by_key = self.limits.waits == Waits::SameKey;
        match self.keys.next(!by_key) {
            Some(due) => Some(due),
            None if self.keys.behind().len() >= WAITING_MAX => None,
            None => self.waiting.pop_front(),
        }
    }

    /// Lets an event wait for its time: parked, if that is far away and nobody waits for it.
    fn wait_until(&mut self, mut due: Due, at: UnixMs, now: UnixMs) -> Option<Receipt> {
        let is_far = at.since(now) > PARK_FROM || now > due.pulled.stored_at.plus(self.limits.handoff_after);
        let parked = Parked { place: due.pulled.place, attempt: due.attempt, adopted: false };
        if self.limits.waits == Waits::Never && is_far && self.parked.put(due.event(), at, parked) {
            // It has one from when order was kept by key, and would wait for itself if it is again.
            self.keys.free(due.event());
            return due.pulled.receipt.take();
        }
        self.retrying.push((at, due));
        None
    }

    fn all(&self) -> impl Iterator<Item = &Due> {
        let retrying = self.retrying.iter().map(|(_, due)| due);
        let behind = self.keys.behind();
        self.waiting.iter().chain(behind).chain(retrying).chain(self.in_hand.values()).chain(self.concluding.values())
    }

    fn find(&mut self, event: EventId) -> Option<&mut Due> {
        if self.in_hand.contains_key(&event) {
            return self.in_hand.get_mut(&event);
        }
        if self.concluding.contains_key(&event) {
            return self.concluding.get_mut(&event);
        }
        let retrying = self.retrying.iter_mut().map(|(_, due)| due);
        self.waiting.iter_mut().chain(self.keys.behind_mut()).chain(retrying).find(|due| due.event() == event)
    }
}

#[cfg(test)]
mod tests;
