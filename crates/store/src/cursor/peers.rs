//! Who else works with a cursor, as far as this process has heard, and in which order they take over what one of
//! them has left.

use std::collections::BTreeSet;

use model::EventId;
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
        if self.others.len() < NAMES_MAX {
            self.others.extend(name.filter(|name| *name != self.own));
        }
    }

    /// Another has come. Everyone there says its name anew then; whoever does not do so twice has vanished.
    pub fn came(&mut self, name: Uuid) {
        self.before = std::mem::take(&mut self.others);
        self.found(Some(name));
    }

    /// Another has left.
    pub fn left(&mut self, name: Uuid) {
        self.others.remove(&name);
        self.before.remove(&name);
        self.is_shared &= self.has_nameless || !self.others.is_empty() || !self.before.is_empty();
    }

    /// How many others go first in taking over this event, if all have heard of the same ones.
    pub fn turn(&self, event: EventId) -> usize {
        // The low bits of an event's id are random, its high bits a time.
        let place = |name: &Uuid| event.0.as_u128().reverse_bits() ^ name.as_u128();
        self.others.union(&self.before).filter(|other| place(other) < place(&self.own)).count()
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
    }

    #[test]
    fn names_have_an_end() {
        let mut peers = Peers::new(Uuid::nil(), false);
        (1..100).for_each(|n| peers.found(Some(Uuid::from_u128(n))));
        assert_eq!(peers.others.len(), NAMES_MAX);
    }
}
