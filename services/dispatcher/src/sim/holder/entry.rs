//! How a courier comes among those that work with a cursor, step by step, as the store does it.

use super::super::world::{What, World};
use super::{Done, Peer, Phase, Signal};

impl World {
    /// Asks whether others hold the cursor, and who does hears of it.
    pub(super) fn attach(&mut self, holder: usize) {
        while let Ok(told) = self.holders[holder].rx.try_recv() {
            self.hear(holder, told);
        }
        self.holders[holder].phase = Phase::Asking;
        self.holders[holder].is_second = false;
        let is_held = self.tell_holders(holder, Peer::Asks);
        let mut answer =
            self.there(holder).into_iter().filter(|other| !self.is_frozen(self.holders[*other].dispatcher));
        self.holders[holder].held_by = answer.next().map(|other| self.holders[other].position.peers().own());
        let after = if is_held { self.few() } else { self.short() };
        self.at(after, What::Done(holder, Done::Asked { is_held }));
    }

    /// Listens for others who ask, and says that it found the cursor free, unless another was first.
    pub(super) fn listen(&mut self, holder: usize, is_held: bool) {
        let output = self.holders[holder].output;
        if is_held && self.is_answered_later(holder) {
            let after = 1 + self.short();
            return self.at(after, What::Done(holder, Done::Asked { is_held }));
        }
        if !is_held && self.holders[holder].is_second {
            self.say(|| format!("courier {holder} was not the first, and asks again"));
            self.have_raced = true;
            return self.attach(holder);
        }
        self.holders[holder].phase = Phase::Attaching;
        if !is_held {
            for other in &mut self.holders {
                other.is_second |= other.output == output && other.phase == Phase::Asking;
            }
        }
        let after = self.few();
        self.at(after, What::Done(holder, Done::Attached { is_held }));
    }

    /// Whether those who are there all attach just now, and answer then. One that is stopped or cut
    /// off is not waited for.
    fn is_answered_later(&self, asks: usize) -> bool {
        let there = self.there(asks);
        let answers_later =
            |at: &usize| self.holders[*at].phase == Phase::Attaching && !self.is_frozen(self.holders[*at].dispatcher);
        !there.is_empty() && there.iter().all(answers_later)
    }

    /// Whoever listens for the cursor hears what one of them says; returns whether anyone does.
    pub(super) fn tell_holders(&mut self, says: usize, peer: Peer) -> bool {
        let there = self.there(says);
        for other in &there {
            self.signal(*other, Signal::Peer(peer.clone()));
        }
        !there.is_empty()
    }

    /// A courier hears what another says of itself.
    pub(super) fn hear_of(&mut self, holder: usize, peer: Peer) {
        let peers = self.holders[holder].position.peers_mut();
        let own = peers.own();
        match peer {
            Peer::Asks => peers.comes(),
            Peer::Holds(name) => peers.found(Some(name)),
            Peer::Leaves(name) if name == own => {
                self.holders[holder].is_taken_for_gone = true;
                self.holders[holder].forget_ahead();
                self.tell_holders(holder, Peer::Attached(own));
                return;
            }
            Peer::Leaves(name) => peers.left(name),
            Peer::Seeks(name, asks) => {
                peers.found(Some(name));
                return self.say_in_hand(holder, asks);
            }
            Peer::Has(name, places) => return self.hear_what(holder, name, places),
            Peer::Attached(name) => {
                peers.came(name);
                self.tell_holders(holder, Peer::Holds(own));
            }
        }
        self.look_again(holder);
    }

    /// The others who listen for the cursor.
    fn there(&self, asks: usize) -> Vec<usize> {
        let output = self.holders[asks].output;
        let is_there = |at: &usize| {
            let other = &self.holders[*at];
            *at != asks && other.output == output && other.listens()
        };
        (0..self.holders.len()).filter(is_there).collect()
    }
}
