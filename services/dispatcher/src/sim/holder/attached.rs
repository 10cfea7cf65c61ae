//! How a courier sets up its cursor, and takes in what others did.

use model::progress::Progress;
use store::cursor::{PROGRESS_EVERY, Peers, Position};

use super::super::nats::millis;
use super::super::world::{What, World};
use super::{Done, Peer, Phase};

impl World {
    pub(super) fn set_up(&mut self, holder: usize, done: &Done) {
        if let Done::Asked { is_held } = done {
            return self.listen(holder, *is_held);
        }
        let (now, instant, output) = (self.wall(), self.instant(), self.holders[holder].output);
        let window = self.window();
        let last = self.nats[output].log.last().map(|(at, _)| *at);
        let (since, nats, events) = (self.since(), &mut self.nats[output], &self.events);
        let one = &mut self.holders[holder];
        if let Done::Attached { is_held } = done {
            let mut peers = Peers::new(one.position.peers().own(), *is_held);
            if let Some(by) = one.held_by {
                peers.found(Some(by));
            }
            one.position = Position::new(self.keys[output].output, window, peers, now, instant);
        }
        let from = one.position.begins_at(last, since, now);
        let existed = nats.ensure(from, events);
        one.position.reaches(from);
        let is_taken_over = existed && !one.position.peers().is_shared();
        if is_taken_over && let Some(consumer) = &mut nats.consumer {
            consumer.reset();
        }
        self.fold(holder);
        let one = &mut self.holders[holder];
        if let Done::Rebuilt = done {
            one.position.made_again();
        }
        one.phase = Phase::Working;
        self.say(|| format!("courier {holder} of output {output} {done:?}, reset {is_taken_over}"));
        self.adopt(holder);
        if let Done::Attached { .. } = done {
            // Who hears of it answers.
            let own = self.holders[holder].position.peers().own();
            self.tell_holders(holder, Peer::Attached(own));
            let first = self.jitter(millis(PROGRESS_EVERY));
            self.at(first, What::Done(holder, Done::Tick));
        }
        self.pump_nats(output);
    }

    pub(super) fn adopt(&mut self, holder: usize) {
        let (now, output) = (self.wall(), self.output(self.holders[holder].output));
        let one = &mut self.holders[holder];
        if let Some(work) = &mut one.work {
            work.adopt(one.position.again(), one.position.peers(), &output, now);
        }
    }

    /// Takes in what others did.
    pub(in crate::sim) fn look_again(&mut self, holder: usize) {
        self.refresh(holder);
        self.adopt(holder);
    }

    /// Reads all facts that matter.
    pub(super) fn fold(&mut self, holder: usize) {
        let (now, nats) = (self.wall(), &self.nats[self.holders[holder].output]);
        let position = &mut self.holders[holder].position;
        let mut progress = Progress::default();
        let last = nats.fold_from(position.horizon(now), &mut progress);
        position.folded_all(progress, last);
    }

    /// Reads the facts that came since they were last read.
    pub(super) fn refresh(&mut self, holder: usize) {
        let (now, nats) = (self.wall(), &self.nats[self.holders[holder].output]);
        let position = &mut self.holders[holder].position;
        let (folded, progress) = position.to_fold();
        let last = nats.fold_after(folded, progress);
        position.folded_new(last, now);
    }
}
