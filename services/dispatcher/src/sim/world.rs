//! The calendar, and everything in it.

mod broker;
mod chance;
mod faults;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use model::fact::Fact;
use model::name::Name;
use model::record::{Bucket, Interval, Output, Schedule, ThrottleMode};
use model::{AccountId, BucketId, DispatcherId, EventId, GroupId, OutputId, UnixMs};
use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::{RngExt as _, SeedableRng as _};
use store::fact::CursorKey;
use tokio::time::Instant;
use uuid::Uuid;

use super::agent::Agent;
use super::holder::{Done, Holder, Signal};
use super::link::Link;
use super::nats::{Consumer, Event, Nats};
use super::plan::{Class, Fault, Plan};
use super::witness::Witness;

/// When a schedule begins, in milliseconds since the epoch.
const BEGIN: u64 = 1_700_000_000_000;
/// How long after the last fault everything must have ended: retries are at most a minute apart,
/// and what a dispatcher left comes again after another minute, and once more.
const SETTLED_WITHIN: u64 = 600_000;
/// How many things may happen in a schedule.
const STEPS_MAX: u64 = 200_000;

/// What stands in the calendar.
pub(super) enum What {
    Publish,
    Fault(Fault),
    Connect(usize, u64),
    Pump(usize),
    Down(usize),
    Up(usize),
    /// The agent notices that a session is broken.
    NoticeUp(usize),
    /// The dispatcher does.
    NoticeDown(usize),
    Lane(usize, u64, OutputId),
    Over(usize, u64, usize),
    Signal(usize, u64, Signal),
    Done(usize, Done),
    Append(usize, Vec<Fact>),
    Turn(usize),
    Operate(usize, Op),
    Nats(usize),
    AgentBack(usize),
    DispatcherBack(usize),
    ThawDispatcher(usize),
    /// Nobody has heard of a dispatcher for long, if it is still so.
    Silent(DispatcherId),
    /// It is heard again.
    Heard(DispatcherId),
    ThawAgent(usize),
    NatsBack,
}

/// What NATS is asked to do.
pub(super) enum Op {
    Request { holder: usize, batch: usize, until: u64 },
    Acknowledge(u64),
    GiveBack(u64),
    InProgress(u64),
}

pub(super) struct Dispatcher {
    /// Of the process that it is now.
    pub(super) id: DispatcherId,
    pub(super) is_alive: bool,
    pub(super) is_stopping: bool,
    frozen_since: u64,
    frozen_until: u64,
    /// The courier of each output, and how many sessions it has.
    pub(super) couriers: Vec<Option<(usize, u32)>>,
}

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) rng: Rng,
    pub(super) now: u64,
    base: Instant,
    calendar: BinaryHeap<Reverse<(u64, u64, usize)>>,
    entries: Vec<Option<What>>,
    configured: Vec<(Arc<Output>, Arc<Bucket>)>,
    pub(super) keys: Vec<CursorKey>,
    pub(super) events: Vec<Event>,
    pub(super) nats: Vec<Nats>,
    pub(super) nats_epoch: u64,
    nats_back_at: u64,
    /// When NATS next gives out something by itself.
    nats_wakes_at: Vec<u64>,
    pub(super) trouble_until: u64,
    /// Two dispatchers attached to one cursor at the same moment, and one let the other go first.
    pub(super) have_raced: bool,
    pub(super) dispatchers: Vec<Dispatcher>,
    pub(super) silent: HashSet<DispatcherId>,
    /// How often what one had that vanished was given out again.
    pub(super) takeovers: u64,
    pub(super) holders: Vec<Holder>,
    pub(super) links: Vec<Link>,
    pub(super) agents: Vec<Agent>,
    pub(super) witnesses: Vec<Witness>,
    pub(super) wrong: Option<String>,
    trace: Option<Vec<String>>,
    steps: u64,
}

/// What happened in schedules.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    schedules: [u64; 6],
    steps: u64,
    events: u64,
    attempts: u64,
    /// Deliveries that a destination took more than once, by class.
    doubled: [u64; 6],
    /// How often an acknowledgement was waited for in vain, by class.
    late: [u64; 6],
    takeovers: u64,
    /// Schedules in which two dispatchers attached to one cursor at the same moment, and found it free.
    raced: u64,
    /// Simulated time, in seconds.
    seconds: u64,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        for class in 0..6 {
            self.late[class] += other.late[class];
            self.schedules[class] += other.schedules[class];
            self.doubled[class] += other.doubled[class];
        }
        self.steps += other.steps;
        self.events += other.events;
        self.attempts += other.attempts;
        self.raced += other.raced;
        self.takeovers += other.takeovers;
        self.seconds += other.seconds;
    }

    /// That the schedules were worth playing.
    pub(super) fn check(&self) {
        assert!(self.schedules.iter().all(|count| *count > 0), "{self:?}");
        assert!(self.takeovers > 0, "nothing was ever taken over: {self:?}");
        assert!(self.raced > 0, "no two dispatchers ever attached at the same moment: {self:?}");
        assert!(self.attempts > self.events, "nothing was tried again: {self:?}");
        assert!(self.doubled[Class::All as usize] > 0, "no crash ever doubled anything: {self:?}");
    }
}

impl World {
    pub(super) fn new(plan: Plan, is_traced: bool) -> Self {
        let (account, bucket) = (AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
        let name: Name = "bucket".parse().unwrap();
        let bucket = Bucket { window_seconds: 3600, ..Bucket::new(bucket, account, name, UnixMs(BEGIN)) };
        let (mut configured, mut keys) = (Vec::new(), Vec::new());
        for output in 0..plan.outputs {
            let id = OutputId(Uuid::from_u128(100 + output as u128));
            let url = "http://localhost/".to_owned();
            let mut output = Output::new(id, account, bucket.id, "o".to_owned(), url, UnixMs(BEGIN));
            output.internal = true;
            output.order = Self::order(plan.order);
            if plan.is_durable {
                output.durability.enabled = true;
                output.durability.schedule = Schedule::Custom;
                output.durability.custom_delays_ns = vec![16_000_000_000; 40];
            }
            if let Some(rate) = plan.rate {
                output.throttle.enabled = true;
                output.throttle.mode = ThrottleMode::Rate;
                output.throttle.rate = rate;
                output.throttle.interval = Interval::Second;
            }
            configured.push((Arc::new(output), Arc::new(bucket.clone())));
            let group = GroupId(Uuid::from_u128(3));
            keys.push(CursorKey { bucket: bucket.id, output: id, group, ephemeral: false });
        }
        let mut rng = Rng::seed_from_u64(!plan.seed);
        let mut dispatcher = || Dispatcher {
            id: DispatcherId(Uuid::from_u128(rng.random())),
            is_alive: true,
            is_stopping: false,
            frozen_since: 0,
            frozen_until: 0,
            couriers: vec![None; plan.outputs],
        };
        let dispatchers = (0..plan.dispatchers).map(|_| dispatcher()).collect();
        let mut world = Self {
            rng,
            now: 0,
            base: Instant::now(),
            calendar: BinaryHeap::new(),
            entries: Vec::new(),
            configured,
            keys,
            events: Vec::new(),
            nats: (0..plan.outputs).map(|_| Nats::default()).collect(),
            nats_epoch: 0,
            nats_back_at: 0,
            nats_wakes_at: vec![0; plan.outputs],
            trouble_until: 0,
            have_raced: false,
            dispatchers,
            silent: HashSet::new(),
            takeovers: 0,
            holders: Vec::new(),
            links: Vec::new(),
            agents: (0..plan.agents).map(|_| Agent::new(0)).collect(),
            witnesses: (0..plan.outputs).map(|_| Witness::default()).collect(),
            wrong: None,
            trace: is_traced.then(Vec::new),
            steps: 0,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for at in self.plan.events.clone() {
            self.at(at, What::Publish);
        }
        for (at, fault) in self.plan.faults.clone() {
            self.at(at, What::Fault(fault));
        }
        for agent in 0..self.agents.len() {
            let within = self.plan.connected_within;
            let after = self.jitter(within);
            self.at(after, What::Connect(agent, 0));
        }
    }

    /// Plays the schedule to its end; the first thing that should not be, with the trace, is the
    /// error.
    pub(super) fn run(mut self) -> Result<Seen, (String, Vec<String>)> {
        let calm_from = self.plan.calm_from();
        while self.wrong.is_none() {
            if self.now > calm_from && self.is_settled() {
                break;
            }
            let Some(Reverse((at, _, entry))) = self.calendar.pop() else {
                self.fail("nothing is left to happen, and not everything has ended".to_owned());
                break;
            };
            self.now = at;
            self.steps += 1;
            if at > calm_from + SETTLED_WITHIN || self.steps > STEPS_MAX {
                let left: Vec<_> = self.nats.iter().map(|n| n.consumer.as_ref().map(|c| c.unacked())).collect();
                self.fail(format!("not everything has ended at last; not acknowledged: {left:?}"));
                break;
            }
            if let Some(what) = self.entries[entry].take() {
                self.happens(what);
            }
        }
        if self.wrong.is_none()
            && let Err(wrong) = self.check()
        {
            self.fail(wrong);
        }
        match self.wrong {
            Some(wrong) => Err((wrong, self.trace.unwrap_or_default())),
            None => Ok(self.seen()),
        }
    }

    fn happens(&mut self, what: What) {
        match what {
            What::Publish => {
                let (place, now) = (self.events.len() as u64 + 1, self.wall());
                let id = Uuid::from_u64_pair(now.0 << 16 | 0x7000, 1 << 63 | place);
                self.events.push(Event { id: EventId(id), stored_at: now });
                self.say(|| format!("event {place} is stored: {id}"));
                for output in 0..self.plan.outputs {
                    self.pump_nats(output);
                }
            }
            What::Fault(fault) => self.fault(fault),
            What::Connect(agent, epoch) if self.is_there(agent, epoch) => match self.agent_frozen(agent) {
                Some(wait) => self.at(wait, What::Connect(agent, epoch)),
                None => self.connect(agent),
            },
            What::Pump(link) => match self.frozen_for(self.links[link].dispatcher) {
                Some(wait) => self.at(wait, What::Pump(link)),
                None => self.pump(link),
            },
            What::Down(link) => match self.agent_frozen(self.links[link].agent) {
                Some(wait) => self.at(wait, What::Down(link)),
                None => self.down(link),
            },
            What::Up(link) => match self.frozen_for(self.links[link].dispatcher) {
                Some(wait) => self.at(wait, What::Up(link)),
                None => self.up(link),
            },
            What::NoticeUp(link) => match self.agent_frozen(self.links[link].agent) {
                Some(wait) => self.at(wait, What::NoticeUp(link)),
                None => self.agent_closes(link),
            },
            What::NoticeDown(link) => match self.frozen_for(self.links[link].dispatcher) {
                Some(wait) => self.at(wait, What::NoticeDown(link)),
                None => self.dispatcher_closes(link),
            },
            What::Lane(agent, epoch, output) if self.is_there(agent, epoch) => match self.agent_frozen(agent) {
                Some(wait) => self.at(wait, What::Lane(agent, epoch, output)),
                None => self.lane(agent, output),
            },
            What::Over(agent, epoch, number) if self.is_there(agent, epoch) => match self.agent_frozen(agent) {
                Some(wait) => self.at(wait, What::Over(agent, epoch, number)),
                None => self.over(agent, number),
            },
            What::Signal(holder, epoch, signal) => {
                if epoch == self.nats_epoch && !self.holders[holder].is_gone() {
                    self.signalled(holder, signal);
                }
            }
            What::Done(holder, done) if !self.holders[holder].is_gone() => self.is_done(holder, done),
            What::Append(holder, facts) => self.append_facts(holder, facts),
            What::Turn(holder) => self.turn(holder),
            What::Operate(output, op) => self.operated(output, op),
            What::Nats(output) => self.pump_nats(output),
            What::AgentBack(agent) => {
                self.agents[agent].is_alive = true;
                let epoch = self.agents[agent].epoch;
                self.at(0, What::Connect(agent, epoch));
            }
            What::DispatcherBack(dispatcher) => {
                self.clear_dispatcher(dispatcher);
                self.dispatchers[dispatcher].is_alive = true;
                self.dispatchers[dispatcher].is_stopping = false;
            }
            What::ThawDispatcher(dispatcher) => self.thaw(dispatcher),
            What::Silent(id) => self.falls_silent(id),
            What::Heard(id) => self.is_heard_again(id),
            What::ThawAgent(agent) => self.thaw_agent(agent),
            What::NatsBack => {
                self.signal_all(&Signal::Reconnected);
            }
            What::Connect(..) | What::Lane(..) | What::Over(..) | What::Done(..) => {}
        }
    }

    /// All couriers of a dispatcher do what they can.
    pub(super) fn turn_all(&mut self, dispatcher: usize) {
        for holder in 0..self.holders.len() {
            if self.holders[holder].dispatcher == dispatcher {
                self.turn(holder);
            }
        }
    }

    fn is_settled(&self) -> bool {
        let ids: Vec<EventId> = self.events.iter().map(|event| event.id).collect();
        self.witnesses.iter().all(|witness| witness.is_settled(&ids))
            && self.nats.iter().all(|nats| nats.consumer.as_ref().is_some_and(|c| c.is_done(ids.len() as u64)))
            && self.holders.iter().all(Holder::is_idle)
            && self.agents.iter().all(Agent::is_idle)
    }

    fn check(&self) -> Result<(), String> {
        let late: u64 = self.nats.iter().filter_map(|nats| nats.consumer.as_ref()).map(Consumer::late).sum();
        if matches!(self.plan.class, Class::Calm | Class::Stops | Class::Kills) && late > 0 {
            return Err(format!("{late} times an event waited for an acknowledgement that nobody could give"));
        }
        let ids: Vec<EventId> = self.events.iter().map(|event| event.id).collect();
        self.witnesses.iter().try_for_each(|witness| witness.check(&self.plan, &ids))
    }

    fn seen(&self) -> Seen {
        let mut seen = Seen::default();
        let class = self.plan.class as usize;
        seen.schedules[class] = 1;
        seen.steps = self.steps;
        seen.events = (self.events.len() * self.plan.outputs) as u64;
        seen.attempts = self.witnesses.iter().map(Witness::attempts).sum();
        seen.doubled[class] = self.witnesses.iter().map(Witness::doubled).sum();
        seen.late[class] = self.nats.iter().filter_map(|nats| nats.consumer.as_ref()).map(Consumer::late).sum();
        seen.takeovers = self.takeovers;
        seen.raced = self.have_raced.into();
        seen.seconds = self.now / 1000;
        seen
    }

    /// Something is not as it should be.
    pub(super) fn fail(&mut self, wrong: String) {
        self.say(|| format!("WRONG: {wrong}"));
        self.wrong.get_or_insert(wrong);
    }

    /// Adds a line to the trace.
    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{now:>7} {}", line()));
        }
    }

    pub(super) fn cursor_key(&self, output: usize) -> CursorKey {
        self.keys[output]
    }

    pub(super) fn output(&self, output: usize) -> Arc<Output> {
        self.configured[output].0.clone()
    }

    pub(super) fn configured(&self, output: usize) -> (Arc<Output>, Arc<Bucket>) {
        self.configured[output].clone()
    }

    pub(super) fn is_frozen(&self, dispatcher: usize) -> bool {
        self.now < self.dispatchers[dispatcher].frozen_until
    }

    pub(super) fn is_stopping(&self, holder: usize) -> bool {
        self.dispatchers[self.holders[holder].dispatcher].is_stopping
    }

    fn is_there(&self, agent: usize, epoch: u64) -> bool {
        self.agents[agent].is_alive && self.agents[agent].epoch == epoch
    }
}
