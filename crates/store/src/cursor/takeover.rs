//! Finds out what a process that vanished had in hand, which only NATS and those who are left know: what
//! NATS has given out and nobody else has. NATS is then told that it comes back, and gives it out again.
//!
//! Pure decisions. [`Cursor`](super::Cursor) carries them out; so does the simulator of the dispatcher.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::peers::Peers;

/// How long everyone is given to say what it has in hand: one that is thought to have vanished may only
/// be late, and what NATS has given to others may still be on its way.
pub const SAY_WAIT: Duration = Duration::from_secs(2);
/// How often everyone is asked. One that is there and does not answer may have anything in hand; then
/// everything comes after the acknowledgement wait.
const ASKS_MAX: u32 = 3;
/// After so long the next of those who are left sees to it: the one before has not heard of the one that
/// vanished, or has vanished too.
const TURN: Duration = Duration::from_secs(8);
/// The most places of the stream that are gone through: all events of the buckets that share it since the
/// first that is not acknowledged. What lies further back comes after the acknowledgement wait.
pub(super) const PLACES_MAX: u64 = 5_000;

/// What NATS had given out of a cursor's events at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Up to this place everything was acknowledged.
    pub floor: u64,
    /// The last place that was given out.
    pub last: u64,
    /// The consumer's number of the last handing-out.
    pub delivered: u64,
    /// How many events are not acknowledged.
    pub unacknowledged: u64,
}

/// The search for what those who vanished had in hand.
#[derive(Debug)]
pub struct Takeover {
    vanished: BTreeSet<Uuid>,
    /// What was given out before anyone was asked; `None` while nobody was.
    given: Option<Given>,
    held: BTreeSet<u64>,
    answered: BTreeSet<Uuid>,
    asked: u32,
    until: Instant,
}

/// What comes next in a search.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is to be looked what was given out, and then everyone is to be asked.
    Ask,
    /// It is over, and nothing is done.
    Nothing,
    /// These have vanished, and what was given out of these places is in nobody's hand.
    Left {
        /// Who has vanished.
        vanished: BTreeSet<Uuid>,
        /// Every place that nobody has in hand, acknowledged ones too, in order.
        places: Vec<u64>,
        /// The consumer's number of the last handing-out before anyone was asked.
        delivered: u64,
    },
}

impl Takeover {
    /// These are thought to have vanished, and so many others go first. Who goes first begins at that time.
    pub fn new((vanished, before): (BTreeSet<Uuid>, u32), at: Instant) -> Self {
        let (held, answered, until) = (BTreeSet::new(), BTreeSet::new(), at + TURN * before);
        Self { vanished, given: None, held, answered, asked: 0, until }
    }

    /// So much was given out; everyone is asked now.
    pub fn asks(&mut self, given: Given, now: Instant) {
        (self.given, self.until) = (Some(given), now + SAY_WAIT);
        self.held.clear();
        self.answered.clear();
    }

    /// One says what it has in hand.
    pub fn says(&mut self, name: Uuid, places: impl IntoIterator<Item = u64>) {
        self.vanished.remove(&name);
        self.answered.insert(name);
        self.held.extend(places);
    }

    /// When it goes on: until then answers are waited for.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// What comes next, once that time has come. `own` is what is in hand here.
    pub fn next(&mut self, peers: &Peers, own: &BTreeSet<u64>, now: Instant) -> Verdict {
        // Of whom another has seen to, it has said that they are gone.
        self.vanished.retain(|name| peers.knows(*name));
        if self.vanished.is_empty() {
            return Verdict::Nothing;
        }
        let is_known = |other| self.vanished.contains(&other) || self.answered.contains(&other);
        let Some(given) = self.given.take().filter(|_| peers.others().all(is_known)) else {
            (self.asked, self.until) = (self.asked + 1, now + SAY_WAIT);
            return if self.asked > ASKS_MAX { Verdict::Nothing } else { Verdict::Ask };
        };
        let Given { floor, last, delivered, unacknowledged } = given;
        let first = last.saturating_sub(PLACES_MAX).max(floor) + 1;
        let is_free = |place: &u64| !self.held.contains(place) && !own.contains(place);
        let places = if unacknowledged == 0 { Vec::new() } else { (first..=last).filter(is_free).collect() };
        Verdict::Left { vanished: std::mem::take(&mut self.vanished), places, delivered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    /// Of three, the second has vanished, and everyone was asked.
    fn search(given: Given, now: Instant) -> (Takeover, Peers) {
        let mut peers = Peers::new(id(1), true);
        [2, 3].iter().for_each(|name| peers.found(Some(id(*name))));
        let mut takeover = Takeover::new(([id(2)].into(), 0), now);
        assert_eq!(takeover.next(&peers, &BTreeSet::new(), now), Verdict::Ask);
        takeover.asks(given, now);
        (takeover, peers)
    }

    #[test]
    fn what_nobody_has_is_left_by_the_one_that_vanished() {
        let now = Instant::now();
        let given = Given { floor: 10, last: 15, delivered: 20, unacknowledged: 4 };
        let (mut takeover, peers) = search(given, now);
        takeover.says(id(3), [12]);
        let left = Verdict::Left { vanished: [id(2)].into(), places: vec![11, 13, 15], delivered: 20 };
        assert_eq!(takeover.next(&peers, &[14].into(), now), left);
    }

    #[test]
    fn nothing_is_taken_while_one_that_is_there_does_not_say_what_it_has() {
        let now = Instant::now();
        let given = Given { last: 5, unacknowledged: 5, ..Given::default() };
        let (mut takeover, peers) = search(given, now);
        for _ in 1..ASKS_MAX {
            assert_eq!(takeover.next(&peers, &BTreeSet::new(), now), Verdict::Ask);
            takeover.asks(given, now);
        }
        assert_eq!(takeover.next(&peers, &BTreeSet::new(), now), Verdict::Nothing);
    }

    #[test]
    fn nothing_is_taken_from_one_that_is_only_late() {
        let now = Instant::now();
        let (mut takeover, peers) = search(Given { last: 5, unacknowledged: 5, ..Given::default() }, now);
        takeover.says(id(3), []);
        takeover.says(id(2), [1, 2]);
        assert_eq!(takeover.next(&peers, &BTreeSet::new(), now), Verdict::Nothing);
    }

    #[test]
    fn what_another_has_seen_to_is_left_alone() {
        let now = Instant::now();
        let (mut takeover, mut peers) = search(Given { last: 5, unacknowledged: 5, ..Given::default() }, now);
        takeover.says(id(3), []);
        peers.left(id(2));
        assert_eq!(takeover.next(&peers, &BTreeSet::new(), now), Verdict::Nothing);
    }

    #[test]
    fn the_places_that_are_gone_through_have_an_end() {
        let now = Instant::now();
        for (last, count) in [(PLACES_MAX, PLACES_MAX), (PLACES_MAX + 1, PLACES_MAX)] {
            let (mut takeover, peers) = search(Given { last, unacknowledged: 1, ..Given::default() }, now);
            takeover.says(id(3), []);
            let Verdict::Left { places, .. } = takeover.next(&peers, &BTreeSet::new(), now) else { panic!() };
            assert_eq!((places.len() as u64, places.last()), (count, Some(&last)));
        }
    }
}
