//! What goes to NATS and comes from it.

use agent::worker::Attempt;
use model::EventId;
use model::fact::Fact;
use rand::RngExt as _;

use super::super::holder::{Done, Signal};
use super::{Op, What, World};

impl World {
    /// A message of facts comes to the log.
    pub(super) fn append_facts(&mut self, holder: usize, facts: Vec<Fact>) {
        if self.now < self.nats_back_at {
            let wait = self.up_in() + self.short();
            return self.at(wait, What::Append(holder, facts));
        }
        let output = self.holders[holder].output;
        for fact in &facts {
            self.say(|| format!("the log of output {output} has, of courier {holder}, {fact:?}"));
            self.witnesses[output].logged(fact);
        }
        let now = self.wall();
        self.nats[output].log.push((now, facts.clone()));
        if self.now < self.trouble_until && self.rng.random_bool(0.3) {
            // Its acknowledgement is lost; it is appended again.
            if !self.holders[holder].is_gone() {
                self.at(4_300, What::Append(holder, facts));
            }
            return;
        }
        let after = self.short();
        self.at(after, What::Done(holder, Done::Appended(facts)));
    }

    /// NATS is asked for something; nothing says that it was done.
    pub(in crate::sim) fn operate(&mut self, output: usize, op: Op) {
        let after = self.up_in() + self.short();
        self.at(after, What::Operate(output, op));
    }

    pub(super) fn operated(&mut self, output: usize, op: Op) {
        if self.now < self.nats_back_at {
            let wait = self.up_in();
            return self.at(wait, What::Operate(output, op));
        }
        let now = self.now;
        let Some(consumer) = &mut self.nats[output].consumer else {
            if let Op::Request { holder, .. } = op {
                self.signal(holder, Signal::NoConsumer);
            }
            return;
        };
        match op {
            // Its subscription is gone, and with it all that it asked for.
            Op::Request { holder, .. } if !self.holders[holder].hears() => {}
            Op::Request { holder, batch, until } => consumer.request(holder, batch, until),
            Op::Acknowledge(place) => consumer.acknowledge(place),
            Op::GiveBack(place) => consumer.give_back(place),
            Op::InProgress(place) => consumer.in_progress(place, now),
        }
        self.pump_nats(output);
    }

    /// NATS gives out what it can.
    pub(in crate::sim) fn pump_nats(&mut self, output: usize) {
        if self.now < self.nats_back_at {
            return;
        }
        let now = self.now;
        let Some(consumer) = &mut self.nats[output].consumer else { return };
        let over = consumer.over(now);
        let mut given = Vec::new();
        while let Some(one) = consumer.give(&self.events, now) {
            given.push(one);
        }
        let next = consumer.next_at();
        for (holder, left) in over {
            self.signal(holder, Signal::Over(left));
        }
        for (holder, message) in given {
            self.say(|| format!("NATS gives {} to courier {holder}, time {}", message.place, message.times));
            self.signal(holder, Signal::Message(Box::new(message)));
        }
        if let Some(at) = next {
            let at = at.max(now + 1);
            let wakes_at = &mut self.nats_wakes_at[output];
            if *wakes_at <= now || at < *wakes_at {
                *wakes_at = at;
                self.at(at - now, What::Nats(output));
            }
        }
    }

    /// An attempt arrives at its destination.
    pub(in crate::sim) fn arrive(&mut self, output: usize, attempt: Attempt) {
        let ids: Vec<EventId> = self.events.iter().map(|event| event.id).collect();
        let place = 1 + ids.iter().position(|id| *id == attempt.event).unwrap() as u64;
        let arrived = self.witnesses[output].arrived(&self.plan, attempt.event, attempt.number, place, &ids);
        if let Err(wrong) = arrived {
            self.fail(wrong);
        }
    }
}
