//! What a courier does when another one has vanished, and when it was itself taken for gone.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt as _;
use store::cursor::{Given, Takeover, Verdict};
use uuid::Uuid;

use super::super::nats::{millis, place};
use super::super::world::{Op, What, World};
use super::{Done, Holder, Peer, Signal};

/// Within which time searches begin.
const BEGIN_WITHIN: u64 = 1_000;

impl Holder {
    /// What it has in hand, with what has come and was not heard yet.
    fn places(&self) -> BTreeSet<u64> {
        let ahead = self.signals.iter().filter_map(|signal| match signal {
            Signal::Message(message) => Some(message.place),
            _ => None,
        });
        self.position.in_hand().iter().copied().chain(ahead).chain(self.unheard.iter().map(place)).collect()
    }

    /// Forgets what has come and was not heard yet.
    pub(super) fn forget_ahead(&mut self) {
        let before = self.signals.len();
        self.signals.retain(|signal| !matches!(signal, Signal::Message(_)));
        (self.signals.len()..before).for_each(|_| self.position.brought());
    }
}

impl World {
    /// Who is silent is known anew.
    pub(super) fn hear_silence(&mut self, holder: usize) {
        let vanished = self.holders[holder].position.peers().vanished(&self.silent);
        let at = self.instant() + Duration::from_millis(self.rng.random_range(0..BEGIN_WITHIN));
        self.holders[holder].seeking = (!vanished.0.is_empty()).then(|| Takeover::new(vanished, at));
    }

    /// Goes on with the search for what one had that vanished.
    pub(super) fn seek(&mut self, holder: usize) {
        let (instant, output) = (self.instant(), self.holders[holder].output);
        let one = &mut self.holders[holder];
        let own = one.places();
        let Some(seeking) = &mut one.seeking else { return };
        if seeking.until() > instant {
            let wait = millis(seeking.until() - instant);
            return self.wake(holder, wait);
        }
        match seeking.next(one.position.peers(), &own, instant) {
            Verdict::Nothing => one.seeking = None,
            Verdict::Ask => {
                let (after, until) = (self.up_in() + self.short(), millis(store::cursor::SAY_WAIT));
                if let Some(given) = self.nats[output].consumer.as_ref().map(|consumer| consumer.given()) {
                    self.at(after, What::Done(holder, Done::Looked(given)));
                }
                self.wake(holder, until);
            }
            Verdict::Left { vanished, places, .. } => {
                one.seeking = None;
                self.say(|| format!("courier {holder} takes over {places:?} from {vanished:?}"));
                self.takeovers += u64::from(!places.is_empty());
                for place in places {
                    self.operate(output, Op::GiveBack(place));
                }
                for name in vanished {
                    self.tell_holders(holder, Peer::Leaves(name));
                    self.hear_of(holder, Peer::Leaves(name));
                }
            }
        }
    }

    /// It knows what was given out, and asks everyone what they have in hand.
    pub(super) fn looked(&mut self, holder: usize, given: Given) {
        let instant = self.instant();
        let one = &mut self.holders[holder];
        let Some(seeking) = &mut one.seeking else { return };
        seeking.asks(given, instant);
        let own = one.position.peers().own();
        self.tell_holders(holder, Peer::Seeks(own, holder));
        self.wake(holder, millis(store::cursor::SAY_WAIT));
    }

    /// Says what it has in hand, and what has come and was not heard yet.
    pub(super) fn say_in_hand(&mut self, holder: usize, to: usize) {
        let one = &self.holders[holder];
        let has = Peer::Has(one.position.peers().own(), one.places().into_iter().collect());
        if !self.holders[to].is_gone() {
            self.signal(to, Signal::Peer(has));
        }
    }

    /// One says what it has in hand.
    pub(super) fn hear_what(&mut self, holder: usize, name: Uuid, places: Vec<u64>) {
        let one = &mut self.holders[holder];
        if let Some(seeking) = &mut one.seeking {
            one.position.peers_mut().found(Some(name));
            seeking.says(name, places);
        }
    }

    /// Leaves what was not begun to others, if they may have taken it.
    pub(super) fn step_back(&mut self, holder: usize) {
        let one = &mut self.holders[holder];
        if !std::mem::take(&mut one.is_taken_for_gone) {
            return;
        }
        let let_go: Vec<u64> = one.work.as_mut().unwrap().let_go().iter().map(place).collect();
        let_go.iter().for_each(|place| one.position.let_go(*place));
        one.pause = self.now + 300;
        self.say(|| format!("courier {holder} is taken for gone, and lets go of {let_go:?}"));
    }
}
