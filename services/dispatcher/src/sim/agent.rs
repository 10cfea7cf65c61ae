//! An agent, and the destinations that it calls.

use std::time::Duration;

use agent::worker::lanes::Lanes;
use agent::worker::ledger::{Begun, Ledger, UnderWay};
use agent::worker::{Attempt, Ended, Ticket};
use model::fact::Outcome;
use model::stagger::{PATIENCE_MAX, PATIENCE_MIN};
use rand::RngExt as _;

use super::nats::millis;
use super::plan::Weather;
use super::world::{What, World};

/// How long a destination may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// One process of an agent.
pub(super) struct Agent {
    pub(super) epoch: u64,
    pub(super) is_alive: bool,
    pub(super) frozen_until: u64,
    /// How long it will be away, once it was told to stop.
    pub(super) leaves_for: Option<u64>,
    pub(super) ledger: Ledger,
    lanes: Lanes<(Attempt, Ticket)>,
    under_way: Vec<Option<(UnderWay, Ended)>>,
    /// The session that it keeps open.
    pub(super) current: Option<usize>,
    pub(super) failures: u32,
}

impl Agent {
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            is_alive: true,
            frozen_until: 0,
            leaves_for: None,
            ledger: Ledger::default(),
            lanes: Lanes::default(),
            under_way: Vec::new(),
            current: None,
            failures: 0,
        }
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.iter().all(Option::is_none)
    }
}

impl World {
    /// The agent looks for a dispatcher.
    pub(super) fn connect_again(&mut self, agent: usize) {
        self.agents[agent].current = None;
        let longest = 200 << self.agents[agent].failures.min(6);
        self.agents[agent].failures += 1;
        let (wait, epoch) = (self.jitter(longest), self.agents[agent].epoch);
        self.at(wait, What::Connect(agent, epoch));
    }

    pub(super) fn connect(&mut self, agent: usize) {
        if self.agents[agent].current.is_some() || self.agents[agent].leaves_for.is_some() {
            return;
        }
        let dispatcher = self.rng.random_range(0..self.dispatchers.len());
        let to = &self.dispatchers[dispatcher];
        if !to.is_alive || to.is_stopping || self.is_frozen(dispatcher) {
            return self.connect_again(agent);
        }
        let link = self.open(agent, dispatcher);
        self.agents[agent].current = Some(link);
        self.agents[agent].failures = 0;
    }

    /// The agent is asked for an attempt.
    pub(super) fn take(&mut self, agent: usize, attempt: Attempt, ticket: Ticket) {
        if attempt.number > 1 {
            self.attempt(agent, attempt, ticket);
            return;
        }
        if let Some(output) = self.agents[agent].lanes.push(attempt.output, (attempt, ticket)) {
            let (epoch, after) = (self.agents[agent].epoch, self.jitter(3));
            self.at(after, What::Lane(agent, epoch, output));
        }
    }

    /// The next first attempt of an output starts, when the one before has ended or the patience
    /// with it has.
    pub(super) fn lane(&mut self, agent: usize, output: model::OutputId) {
        let Some(((attempt, ticket), _)) = self.agents[agent].lanes.next(output) else { return };
        let takes = self.attempt(agent, attempt, ticket);
        let patience = self.rng.random_range(millis(PATIENCE_MIN)..=millis(PATIENCE_MAX));
        let epoch = self.agents[agent].epoch;
        self.at(takes.min(patience), What::Lane(agent, epoch, output));
    }

    /// An attempt begins, unless it is under way or was made; returns how long it takes.
    fn attempt(&mut self, agent: usize, attempt: Attempt, ticket: Ticket) -> u64 {
        let instant = self.instant();
        let Begun::Here(under_way) = self.agents[agent].ledger.begin(attempt, ticket, instant) else {
            self.say(|| format!("agent {agent} knows of {attempt:?} already"));
            self.report_all(agent);
            return 0;
        };
        let output = self.keys.iter().position(|key| key.output == attempt.output).unwrap();
        self.arrive(output, attempt);
        let (takes, outcome) = self.fare(output);
        self.say(|| format!("agent {agent} makes {attempt:?}, which takes {takes} ms: {outcome:?}"));
        let ended = Ended { attempt, outcome, duration_ms: takes as u32, answer: None };
        let number = self.agents[agent].under_way.len();
        self.agents[agent].under_way.push(Some((under_way, ended)));
        let epoch = self.agents[agent].epoch;
        self.at(takes, What::Over(agent, epoch, number));
        takes
    }

    /// How an attempt fares, and how long it takes.
    fn fare(&mut self, output: usize) -> (u64, Outcome) {
        let timeout = millis(TIMEOUT);
        match self.weather(output) {
            Weather::Fair => (self.jitter(60), Outcome::Answered(200)),
            Weather::Down => (self.jitter(60), [Outcome::Refused, Outcome::Answered(503)][self.jitter(2) as usize]),
            Weather::Mixed => match self.jitter(4) {
                0 => (self.jitter(60), Outcome::Answered(500)),
                1 => (self.jitter(60), Outcome::Answered(404)),
                _ => (self.jitter(600), Outcome::Answered(200)),
            },
            Weather::Slow => match self.jitter(2) {
                0 => (timeout, Outcome::TimedOut),
                _ => (self.rng.random_range(500..timeout), Outcome::Answered(200)),
            },
        }
    }

    pub(super) fn over(&mut self, agent: usize, number: usize) {
        let instant = self.instant();
        let Some((under_way, ended)) = self.agents[agent].under_way[number].take() else { return };
        let output = self.keys.iter().position(|key| key.output == ended.attempt.output).unwrap();
        self.witnesses[output].answered(ended.attempt.event, ended.outcome);
        under_way.finish(ended, instant);
        self.report_all(agent);
        self.end_if_left(agent);
    }

    fn report_all(&mut self, agent: usize) {
        for link in self.links_of(agent) {
            self.report(link);
        }
    }

    /// An agent is told to stop: it gives back what it has not begun, and ends when the rest is over.
    pub(super) fn stop_agent(&mut self, agent: usize, away: u64) {
        let one = &mut self.agents[agent];
        if !one.is_alive || one.leaves_for.is_some() || self.now < one.frozen_until {
            return;
        }
        one.leaves_for = Some(away);
        for link in self.links_of(agent) {
            self.say_leave(link, Vec::new());
        }
        self.agents[agent].lanes.clear();
        self.report_all(agent);
        self.end_if_left(agent);
    }

    fn end_if_left(&mut self, agent: usize) {
        let Some(away) = self.agents[agent].leaves_for.filter(|_| self.agents[agent].is_idle()) else { return };
        self.say(|| format!("agent {agent} has stopped"));
        for link in self.links_of(agent) {
            self.agent_closes(link);
        }
        self.renew(agent, away);
    }

    fn links_of(&self, agent: usize) -> Vec<usize> {
        let is_open = |link: &usize| self.links[*link].agent == agent && self.links[*link].agent_open;
        (0..self.links.len()).filter(is_open).collect()
    }

    /// The process of an agent is gone, and comes back as a new one.
    pub(super) fn kill_agent(&mut self, agent: usize, away: u64) {
        if !self.agents[agent].is_alive {
            return;
        }
        for link in self.links_of(agent) {
            self.agent_dies(link);
        }
        self.renew(agent, away);
    }

    /// Another process takes the place of an agent's, later.
    fn renew(&mut self, agent: usize, away: u64) {
        let epoch = self.agents[agent].epoch + 1;
        self.agents[agent] = Agent::new(epoch);
        self.agents[agent].is_alive = false;
        self.at(away, What::AgentBack(agent));
    }
}
