//! Who else works with a cursor, as far as this process has heard, and in which order they take over what one of
//! them has left.

use std::collections::{BTreeSet, HashSet};

use model::{DispatcherId, EventId};
use uuid::Uuid;

/// The most names that are remembered: those of processes that vanished stay.
const NAMES_MAX: usize = 32;

/// The processes that work with a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    own: Uuid,
    is_shared: bool,
    was_shared: bool,
    /// One of an earlier version was heard of, which says neither its name nor that it leaves.
    has_nameless: bool,
    /// Who was heard of since another last came.
    others: BTreeSet<Uuid>,
    /// Who had been heard of before that.
    before: BTreeSet<Uuid>,
    /// Who has not said its name when two had come, and may have had something.
    unheard: BTreeSet<Uuid>,
}

/// A new name for a process of that dispatcher: its high bits say which.
pub(super) fn new_name(of: Option<DispatcherId>) -> Uuid {
    let random = Uuid::new_v4();
    of.map_or(random, |of| Uuid::from_u64_pair(of.0.as_u64_pair().0, random.as_u64_pair().1))
}

impl Peers {
    /// Those of a process that goes by the name `own` there, and has heard whether others are there.
    pub fn new(own: Uuid, is_shared: bool) -> Self {
        Self {
            own,
            is_shared,
            was_shared: is_shared,
            has_nameless: false,
            others: BTreeSet::new(),
            before: BTreeSet::new(),
            unheard: BTreeSet::new(),
        }
    }

    /// The name of this process.
    pub fn own(&self) -> Uuid {
        self.own
    }

    /// Whether another may work with the cursor too: one did when this process came, or has come since,
    /// and not all have said that they leave.
    pub fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Whether another may ever have worked with it beside this process: NATS may have something that
    /// was given back.
    pub fn was_shared(&self) -> bool {
        self.was_shared
    }

    /// Another is about to come.
    pub fn comes(&mut self) {
        (self.is_shared, self.was_shared) = (true, true);
    }

    /// Another is there; one of an earlier version does not say its name.
    pub fn found(&mut self, name: Option<Uuid>) {
        self.comes();
        self.has_nameless |= name.is_none();
        let Some(name) = name.filter(|name| *name != self.own) else { return };
        self.unheard.remove(&name);
        if self.others.len() < NAMES_MAX {
            self.others.insert(name);
        }
    }

    /// Another has come. Everyone there says its name anew then; whoever does not do so twice has vanished.
    pub fn came(&mut self, name: Uuid) {
        let unheard = std::mem::replace(&mut self.before, std::mem::take(&mut self.others));
        let unheard = unheard.difference(&self.before).take(NAMES_MAX.saturating_sub(self.unheard.len()));
        self.unheard.extend(unheard);
        self.found(Some(name));
    }

    /// Another has left.
    pub fn left(&mut self, name: Uuid) {
        self.others.remove(&name);
        self.before.remove(&name);
        self.unheard.remove(&name);
        self.is_shared &= self.has_nameless || !self.others.is_empty() || !self.before.is_empty();
    }

    /// The others that are known by name.
    pub fn others(&self) -> impl Iterator<Item = Uuid> {
        self.others.union(&self.before).copied()
    }

    /// The others that are processes of these dispatchers, and how many of those that are left go first in
    /// seeing to what they had. None if nobody knows all that are left.
    pub fn vanished(&self, silent: &HashSet<DispatcherId>) -> (BTreeSet<Uuid>, u32) {
        let silent: HashSet<u64> = silent.iter().map(|dispatcher| dispatcher.0.as_u64_pair().0).collect();
        let is_silent = |name: &Uuid| silent.contains(&name.as_u64_pair().0);
        let gone = self.others().chain(self.unheard.iter().copied()).filter(is_silent);
        let gone = if self.has_nameless { BTreeSet::new() } else { gone.collect() };
        let before = self.others().filter(|other| !is_silent(other) && *other < self.own).count();
        (gone, u32::try_from(before).unwrap_or(u32::MAX))
    }

    /// Whether this one was heard of, and no one has said that it left.
    pub fn knows(&self, name: Uuid) -> bool {
        self.others().any(|other| other == name) || self.unheard.contains(&name)
    }

    /// How many others go first in taking over this event, if all have heard of the same ones.
    pub fn turn(&self, event: EventId) -> usize {
        // The low bits of an event's id are random, its high bits a time.
        let place = |name: &Uuid| event.0.as_u128().reverse_bits() ^ name.as_u128();
        self.others().filter(|other| place(other) < place(&self.own)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(count: u128) -> Vec<Peers> {
        // Names are random: their high bits differ.
        let names: Vec<_> = (0..count).map(|n| Uuid::from_u128((n + 1).reverse_bits())).collect();
        let one = |own: &Uuid| {
            let mut peers = Peers::new(*own, true);
            names.iter().for_each(|name| peers.found(Some(*name)));
            peers
        };
        names.iter().map(one).collect()
    }

    #[test]
    fn each_has_a_turn_of_its_own_and_everyone_comes_first_at_some_event() {
        let all = all(3);
        let mut first = [0; 3];
        for n in 0..300 {
            let event = EventId(Uuid::from_u128(n));
            let mut turns: Vec<_> = all.iter().map(|peers| peers.turn(event)).collect();
            first[turns.iter().position(|turn| *turn == 0).unwrap()] += 1;
            turns.sort_unstable();
            assert_eq!(turns, [0, 1, 2]);
        }
        assert!(first.iter().all(|times| *times > 30), "{first:?}");
    }

    #[test]
    fn who_has_left_has_no_turn() {
        let mut all = all(3);
        let (one, others) = all.split_first_mut().unwrap();
        one.left(others[0].own());
        one.left(others[1].own());
        let last = EventId(Uuid::from_u128(7));
        assert_eq!(one.turn(last), 0);
        assert!(!one.is_shared() && one.was_shared());
        one.found(None);
        one.came(others[0].own());
        one.left(others[0].own());
        assert!(one.is_shared(), "the one without a name may be there");
    }

    #[test]
    fn who_does_not_say_its_name_when_two_have_come_has_none_any_more() {
        let [low, high] = [1u128, 2].map(|n| Uuid::from_u128(n.reverse_bits()));
        let mut peers = Peers::new(Uuid::max(), false);
        peers.found(Some(low));
        let turn = |peers: &Peers| peers.turn(EventId(Uuid::nil()));
        peers.came(high);
        assert_eq!(turn(&peers), 2, "what it said may have come before");
        peers.came(high);
        assert_eq!(turn(&peers), 1);
        assert!(peers.knows(low), "it may have had something");
        peers.left(low);
        assert!(!peers.knows(low));
    }

    #[test]
    fn those_who_are_left_see_to_those_who_vanished_one_after_the_other() {
        let dispatchers = [1u128, 2, 3].map(|n| DispatcherId(Uuid::from_u128(n << 64)));
        let names = dispatchers.map(|dispatcher| new_name(Some(dispatcher)));
        let of = |own: usize| {
            let mut peers = Peers::new(names[own], true);
            names.iter().for_each(|name| peers.found(Some(*name)));
            peers
        };
        let silent = [dispatchers[0]].into();
        assert_eq!(of(1).vanished(&silent), ([names[0]].into(), 0));
        assert_eq!(of(2).vanished(&silent), ([names[0]].into(), 1));
        assert!(of(1).vanished(&HashSet::new()).0.is_empty());
        let mut with_nameless = of(1);
        with_nameless.found(None);
        assert!(with_nameless.vanished(&silent).0.is_empty(), "nobody knows what that one has");
    }

    #[test]
    fn names_have_an_end() {
        let mut peers = Peers::new(Uuid::nil(), false);
        (1..100).for_each(|n| peers.found(Some(Uuid::from_u128(n))));
        assert_eq!(peers.others.len(), NAMES_MAX);
    }
}
