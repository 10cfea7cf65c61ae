//! What goes wrong in a schedule, and how it is put right.

use model::DispatcherId;
use rand::RngExt as _;
use store::presence::{SAY_EVERY, SILENCE_MAX};
use uuid::Uuid;

use super::super::holder::Signal;
use super::super::nats::millis;
use super::super::plan::Fault;
use super::{What, World};

impl World {
    pub(super) fn fault(&mut self, fault: Fault) {
        self.say(|| format!("FAULT {fault:?}"));
        match fault {
            Fault::Break { agent } | Fault::Silence { agent } => {
                if let Some(link) = self.agents[agent].current {
                    self.cut(link, matches!(fault, Fault::Break { .. }));
                }
            }
            Fault::KillAgent { agent, away } => self.kill_agent(agent, away),
            Fault::StopAgent { agent, away } => self.stop_agent(agent, away),
            Fault::FreezeAgent { agent, long } => {
                let until = self.now + long;
                self.agents[agent].frozen_until = self.agents[agent].frozen_until.max(until);
                self.at(long, What::ThawAgent(agent));
                for link in 0..self.links.len() {
                    let one = &self.links[link];
                    if one.agent == agent && one.dispatcher_open {
                        let notices = 20_000 + self.jitter(10_000);
                        if notices < long {
                            self.at(notices, What::NoticeDown(link));
                        }
                    }
                }
            }
            Fault::KillDispatcher { dispatcher, away } => self.kill_dispatcher(dispatcher, away),
            Fault::StopDispatcher { dispatcher, away } => {
                let one = &self.dispatchers[dispatcher];
                if !one.is_alive || one.is_stopping || self.is_frozen(dispatcher) {
                    return;
                }
                self.dispatchers[dispatcher].is_stopping = true;
                for link in 0..self.links.len() {
                    if self.links[link].dispatcher == dispatcher && self.links[link].dispatcher_open {
                        self.drain(link);
                    }
                }
                self.turn_all(dispatcher);
                // By then it has drained; its successor has nothing of it.
                self.at(25_000 + away, What::DispatcherBack(dispatcher));
            }
            Fault::FreezeDispatcher { dispatcher, long } => {
                if !self.is_frozen(dispatcher) {
                    self.dispatchers[dispatcher].frozen_since = self.now;
                }
                let (until, id) = (self.now + long, self.dispatchers[dispatcher].id);
                self.is_silent_soon(id);
                let one = &mut self.dispatchers[dispatcher];
                one.frozen_until = one.frozen_until.max(until);
                self.at(long, What::ThawDispatcher(dispatcher));
                for link in 0..self.links.len() {
                    let one = &self.links[link];
                    if one.dispatcher == dispatcher && one.agent_open {
                        let notices = 10_000 + self.jitter(10_000);
                        if notices < long {
                            self.at(notices, What::NoticeUp(link));
                        }
                    }
                }
            }
            Fault::RestartNats { away } => {
                self.nats_epoch += 1;
                self.nats_back_at = self.nats_back_at.max(self.now + away);
                self.nats.iter_mut().for_each(|nats| nats.consumer = None);
                self.at(away, What::NatsBack);
            }
            Fault::Trouble { long } => self.trouble_until = self.now + long,
        }
    }

    fn kill_dispatcher(&mut self, dispatcher: usize, away: u64) {
        if !self.dispatchers[dispatcher].is_alive {
            return;
        }
        let next = DispatcherId(Uuid::from_u128(self.rng.random()));
        let one = &mut self.dispatchers[dispatcher];
        (one.is_alive, one.frozen_until) = (false, 0);
        let id = std::mem::replace(&mut one.id, next);
        self.is_silent_soon(id);
        self.clear_dispatcher(dispatcher);
        self.at(away, What::DispatcherBack(dispatcher));
    }

    /// A dispatcher says nothing from now on; the last time was a moment ago.
    fn is_silent_soon(&mut self, id: DispatcherId) {
        let said = self.jitter(millis(SAY_EVERY));
        let look = self.jitter(1_000);
        self.at(millis(SILENCE_MAX) - said + look, What::Silent(id));
    }

    /// Whoever is there notes that a dispatcher is silent, unless it goes on by now.
    pub(super) fn falls_silent(&mut self, id: DispatcherId) {
        let one = self.dispatchers.iter().position(|one| one.id == id);
        if one.is_none_or(|one| self.is_frozen(one)) && self.silent.insert(id) {
            self.signal_all(&Signal::Silence);
        }
    }

    /// A dispatcher that was silent is heard again.
    pub(super) fn is_heard_again(&mut self, id: DispatcherId) {
        if self.silent.remove(&id) {
            self.signal_all(&Signal::Silence);
        }
    }

    pub(super) fn signal_all(&mut self, signal: &Signal) {
        for holder in 0..self.holders.len() {
            if !self.holders[holder].is_gone() {
                self.signal(holder, signal.clone());
            }
        }
    }

    /// Nothing is left of a dispatcher's process.
    pub(super) fn clear_dispatcher(&mut self, dispatcher: usize) {
        self.dispatchers[dispatcher].couriers.fill(None);
        for holder in 0..self.holders.len() {
            if self.holders[holder].dispatcher == dispatcher && !self.holders[holder].is_gone() {
                self.holders[holder].kill();
                let output = self.holders[holder].output;
                if let Some(consumer) = &mut self.nats[output].consumer {
                    consumer.forget(holder);
                }
            }
        }
        for link in 0..self.links.len() {
            if self.links[link].dispatcher == dispatcher && self.links[link].dispatcher_open {
                self.dispatcher_dies(link);
            }
        }
    }

    pub(super) fn thaw(&mut self, dispatcher: usize) {
        if self.is_frozen(dispatcher) {
            return;
        }
        self.say(|| format!("dispatcher {dispatcher} goes on"));
        let slept = self.now - self.dispatchers[dispatcher].frozen_since;
        if slept >= millis(SILENCE_MAX) {
            let heard = self.jitter(millis(SAY_EVERY));
            self.at(heard, What::Heard(self.dispatchers[dispatcher].id));
        }
        for link in 0..self.links.len() {
            let is_its = self.links[link].dispatcher == dispatcher && self.links[link].dispatcher_open;
            if is_its && slept > 20_000 && self.rng.random_bool(0.5) {
                // Its own timer comes before what lies in the socket.
                self.dispatcher_closes(link);
            }
        }
        self.turn_all(dispatcher);
    }

    pub(super) fn thaw_agent(&mut self, agent: usize) {
        self.say(|| format!("agent {agent} goes on"));
    }
}
