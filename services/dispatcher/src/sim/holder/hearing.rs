//! What a courier hears: what it is told, what NATS says, what it has done.

use bytes::Bytes;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use store::cursor::{PROGRESS_EVERY, Reading, Receipt, Sorted};
use store::event::Stored;

use super::super::nats::{millis, place};
use super::super::world::{Op, What, World};
use super::{Done, Phase, Signal, name};
use crate::courier::ToCourier;
use crate::delivery::NotHanded;
use crate::session::Line;

impl World {
    /// Takes in one thing that has happened, whichever; `false` when nothing has.
    pub(super) fn one(&mut self, holder: usize) -> bool {
        let (now, instant) = (self.wall(), self.instant());
        let one = &mut self.holders[holder];
        if one.position.over_at().is_some_and(|at| at <= instant) && one.phase == Phase::Working {
            one.position.lose();
            return true;
        }
        let told = !one.rx.is_empty();
        let arms = [(told, 0), (!one.signals.is_empty(), 1), (!one.done.is_empty(), 2)];
        let ready: Vec<usize> = arms.into_iter().filter(|(is_ready, _)| *is_ready).map(|(_, arm)| arm).collect();
        let Some(arm) = ready.choose(&mut self.rng) else { return false };
        match arm {
            0 => {
                let Ok(told) = self.holders[holder].rx.try_recv() else { return false };
                self.hear(holder, told);
            }
            1 => {
                let Some(signal) = self.holders[holder].signals.pop_front() else { return false };
                self.heard(holder, signal);
            }
            _ => {
                let at = self.rng.random_range(0..self.holders[holder].done.len());
                let done = self.holders[holder].done.swap_remove(at);
                self.did(holder, done, now);
            }
        }
        true
    }

    pub(super) fn hear(&mut self, holder: usize, told: ToCourier) {
        self.say(|| format!("courier {holder} is told {}", name(&told)));
        if let ToCourier::Finished(event, _) | ToCourier::Lost(event) | ToCourier::Received(event) = &told {
            self.holders[holder].keys.remove(event);
        }
        let (now, jitter, output) = (self.wall(), self.rng.random(), self.holders[holder].output);
        let configured = Some(self.configured(output));
        self.work(holder).told(told, configured, now, jitter);
    }

    pub(super) fn heard(&mut self, holder: usize, signal: Signal) {
        let (now, instant) = (self.wall(), self.instant());
        let one = &mut self.holders[holder];
        match signal {
            Signal::Over(left) => one.position.over(left),
            Signal::NoConsumer => one.position.lose(),
            Signal::Reconnected => one.position.none_stands(),
            Signal::Silence => self.hear_silence(holder),
            Signal::Peer(peer) => self.hear_of(holder, peer),
            Signal::Message(message) => {
                match one.position.came(&message, instant) {
                    Reading::None => {}
                    Reading::New => self.refresh(holder),
                    Reading::All => self.fold(holder),
                }
                let (one, number) = (&mut self.holders[holder], message.place);
                let receipt = match one.position.sort(*message) {
                    Sorted::Over(receipt) => Some(receipt),
                    Sorted::Due(pulled) => one.work.as_mut().and_then(|work| work.took(*pulled, now)),
                };
                self.say(|| format!("courier {holder} gets {number}, done {}", receipt.is_some()));
                self.acknowledge(holder, receipt);
            }
        }
    }

    pub(super) fn did(&mut self, holder: usize, done: Done, now: model::UnixMs) {
        let output = self.holders[holder].output;
        match done {
            Done::Handed => self.hand(holder),
            Done::Sent => {
                let Some((handing, key)) = self.holders[holder].sending.take() else { return };
                let Line::Agent(line) = handing.session.line() else { return };
                let handed = if line.is_closed() { Err(NotHanded::SessionGone) } else { Ok(key) };
                let _ = self.work(holder).handed(handed, now);
            }
            Done::Read(place) => {
                let event = self.events[place as usize - 1];
                let (input, meta) = (model::InputId(uuid::Uuid::nil()), store::event::Meta::default());
                let (event, stored_at, sealed) = (event.id, event.stored_at, Bytes::new());
                let stored = Stored { event, input, meta, place, stored_at, sealed };
                let _ = self.work(holder).read(Ok(Some(stored)), now);
            }
            Done::Appended(facts) => {
                self.holders[holder].is_appending = false;
                for fact in facts {
                    self.holders[holder].position.note(&fact);
                    let receipt = self.work(holder).concluded(&fact, now);
                    self.acknowledge(holder, receipt);
                }
            }
            Done::Tick => {
                if self.holders[holder].phase != Phase::Working {
                    return;
                }
                if self.holders[holder].position.peers().is_shared() {
                    self.look_again(holder);
                }
                let mut places: Vec<u64> = self.work(holder).book().receipts().map(place).collect();
                // They are in no order.
                places.sort_unstable();
                for place in places {
                    self.operate(output, Op::InProgress(place));
                }
                self.at(millis(PROGRESS_EVERY), What::Done(holder, Done::Tick));
            }
            Done::Looked(given) => self.looked(holder, given),
            Done::Asked { .. } | Done::Attached { .. } | Done::Rebuilt => {}
        }
    }

    pub(super) fn acknowledge(&mut self, holder: usize, receipt: Option<Receipt>) {
        let Some(receipt) = receipt else { return };
        let (output, place) = (self.holders[holder].output, place(&receipt));
        self.say(|| format!("courier {holder} acknowledges {place}"));
        let event = self.events[place as usize - 1].id;
        if let Err(wrong) = self.witnesses[output].acknowledged(event) {
            self.fail(wrong);
        }
        self.holders[holder].position.let_go(place);
        self.operate(output, Op::Acknowledge(place));
    }
}
