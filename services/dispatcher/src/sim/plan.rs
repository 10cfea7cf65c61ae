//! What happens in a schedule, and when: made of a seed, and made smaller when it fails.

use rand::rngs::Xoshiro256PlusPlus as Rng;
use rand::{RngExt as _, SeedableRng as _};

/// Everything that is decided before a schedule begins. Times are in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) class: Class,
    pub(super) dispatchers: usize,
    pub(super) agents: usize,
    pub(super) outputs: usize,
    pub(super) credits: u32,
    pub(super) order: Keeps,
    /// Retries come so late that their deliveries are parked.
    pub(super) is_durable: bool,
    /// How many attempts may begin in a second.
    pub(super) rate: Option<u32>,
    /// Within which time all agents connect.
    pub(super) connected_within: u64,
    /// When events come.
    pub(super) events: Vec<u64>,
    pub(super) faults: Vec<(u64, Fault)>,
    /// From when on a destination fares so.
    pub(super) weather: Vec<(u64, usize, Weather)>,
}

/// What may go wrong; each has more of it, and promises less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Nothing.
    Calm,
    /// Nothing does, and agents and dispatchers stop in order.
    Stops,
    /// Connections between one agent and the dispatchers.
    Links,
    /// Agents too, while one dispatcher lives.
    Agents,
    /// Nothing but that one dispatcher is killed, and another is there.
    Kills,
    /// Everything.
    All,
}

/// Which order an output keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    Arrival,
    Strict,
    Key,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The agent's connection breaks, and both hear of it.
    Break {
        agent: usize,
    },
    /// It is dead, and nobody says so.
    Silence {
        agent: usize,
    },
    KillAgent {
        agent: usize,
        away: u64,
    },
    /// It is told to stop, and another begins later.
    StopAgent {
        agent: usize,
        away: u64,
    },
    FreezeAgent {
        agent: usize,
        long: u64,
    },
    KillDispatcher {
        dispatcher: usize,
        away: u64,
    },
    /// It is told to stop, and another begins later.
    StopDispatcher {
        dispatcher: usize,
        away: u64,
    },
    FreezeDispatcher {
        dispatcher: usize,
        long: u64,
    },
    /// NATS comes back with what is on disk, and without consumers.
    RestartNats {
        away: u64,
    },
    /// Events cannot be opened, and acknowledgements of facts are lost.
    Trouble {
        long: u64,
    },
}

/// How a destination fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// Every attempt fails.
    Down,
    /// Every other attempt fails.
    Mixed,
    /// It answers late, or too late.
    Slow,
}

/// When the last fault may begin.
const FAULTS_END: u64 = 90_000;

impl Plan {
    /// The plan of a seed.
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::seed_from_u64(seed);
        let class = [Class::Calm, Class::Stops, Class::Links, Class::Agents, Class::Kills, Class::All, Class::All]
            [rng.random_range(0..7)];
        let dispatchers = match class {
            Class::Agents => 1,
            Class::Kills => rng.random_range(2..=3),
            Class::Calm | Class::Stops | Class::Links | Class::All => rng.random_range(1..=3),
        };
        let agents = if class == Class::Links { 1 } else { rng.random_range(1..=3) };
        let outputs = rng.random_range(1..=2);
        let events = events(&mut rng);
        let faults = faults(&mut rng, class, dispatchers, agents);
        let weather = weather(&mut rng, class, outputs);
        Self {
            seed,
            class,
            dispatchers,
            agents,
            outputs,
            credits: rng.random_range(1..=6),
            order: [Keeps::Arrival, Keeps::Arrival, Keeps::Strict, Keeps::Key][rng.random_range(0..4)],
            is_durable: rng.random_bool(0.3),
            rate: rng.random_bool(0.15).then(|| rng.random_range(1..=5)),
            connected_within: [20, 500, 3_000][rng.random_range(0..3)],
            events,
            faults,
            weather,
        }
    }

    /// When nothing new goes wrong any more, and destinations fare well.
    pub(super) fn calm_from(&self) -> u64 {
        let faults = self.faults.iter().map(|(at, fault)| at + fault.long());
        let weather = self.weather.iter().map(|(at, ..)| *at);
        faults.chain(weather).chain(self.events.iter().copied()).max().unwrap_or(0)
    }

    /// Whether one courier alone works on each cursor at any time.
    pub(super) fn has_one_holder(&self) -> bool {
        self.dispatchers == 1 || (self.class == Class::Calm && self.agents == 1)
    }

    /// The smallest part of this plan of which `fails` holds.
    pub(super) fn smallest(self, fails: impl Fn(&Self) -> bool) -> Self {
        let mut plan = self;
        loop {
            let smaller = plan.smaller().into_iter().find(|smaller| fails(smaller));
            match smaller {
                Some(smaller) => plan = smaller,
                None => return plan,
            }
        }
    }

    /// The same plan without one thing.
    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut push = |change: &dyn Fn(&mut Self)| {
            let mut plan = self.clone();
            change(&mut plan);
            all.push(plan);
        };
        for at in 0..self.faults.len() {
            push(&|plan| _ = plan.faults.remove(at));
        }
        if self.events.len() > 3 {
            push(&|plan| plan.events.truncate(plan.events.len() / 2));
        }
        for at in (0..self.events.len()).rev().filter(|_| self.events.len() > 1) {
            push(&|plan| _ = plan.events.remove(at));
        }
        for at in 0..self.weather.len() {
            // The last ones of each destination make it well again.
            if self.weather[at].2 != Weather::Fair {
                push(&|plan| _ = plan.weather.remove(at));
            }
        }
        if self.rate.is_some() {
            push(&|plan| plan.rate = None);
        }
        if self.outputs > 1 {
            push(&|plan| {
                plan.outputs = 1;
                plan.weather.retain(|(_, output, _)| *output == 0);
            });
        }
        all
    }
}

impl Fault {
    fn long(self) -> u64 {
        match self {
            Self::Break { .. } | Self::Silence { .. } => 0,
            Self::KillAgent { away, .. }
            | Self::StopAgent { away, .. }
            | Self::KillDispatcher { away, .. }
            | Self::StopDispatcher { away, .. }
            | Self::RestartNats { away } => away,
            Self::FreezeAgent { long, .. } | Self::FreezeDispatcher { long, .. } | Self::Trouble { long } => long,
        }
    }
}

/// A few that come in bursts.
fn events(rng: &mut Rng) -> Vec<u64> {
    let (mut events, mut at) = (Vec::new(), rng.random_range(0..2_000));
    for _ in 0..rng.random_range(1..=14) {
        events.push(at);
        at += if rng.random_bool(0.7) { rng.random_range(0..50) } else { rng.random_range(0..15_000) };
    }
    events
}

fn faults(rng: &mut Rng, class: Class, dispatchers: usize, agents: usize) -> Vec<(u64, Fault)> {
    let count = match class {
        Class::Calm => 0,
        Class::Kills => 1,
        Class::Stops | Class::Links | Class::Agents => rng.random_range(1..=4),
        Class::All => rng.random_range(1..=5),
    };
    let mut faults: Vec<_> = (0..count).map(|_| (when(rng), fault(rng, class, dispatchers, agents))).collect();
    faults.sort_by_key(|(at, _)| *at);
    faults
}

/// Mostly early, when there is most to do.
fn when(rng: &mut Rng) -> u64 {
    if rng.random_bool(0.6) { rng.random_range(0..6_000) } else { rng.random_range(0..FAULTS_END) }
}

fn fault(rng: &mut Rng, class: Class, dispatchers: usize, agents: usize) -> Fault {
    let kinds = match class {
        Class::Calm | Class::Stops | Class::Links | Class::Kills => 2,
        Class::Agents => 5,
        Class::All => 10,
    };
    let (agent, dispatcher) = (rng.random_range(0..agents), rng.random_range(0..dispatchers));
    let away = rng.random_range(0..20_000);
    let long = if rng.random_bool(0.5) { rng.random_range(500..15_000) } else { rng.random_range(15_000..100_000) };
    match rng.random_range(0..kinds) {
        0 if class == Class::Stops => Fault::StopDispatcher { dispatcher, away },
        _ if class == Class::Stops => Fault::StopAgent { agent, away },
        _ if class == Class::Kills => Fault::KillDispatcher { dispatcher, away },
        0 => Fault::Break { agent },
        1 => Fault::Silence { agent },
        2 => Fault::KillAgent { agent, away },
        3 => Fault::StopAgent { agent, away },
        4 => Fault::FreezeAgent { agent, long },
        5 => Fault::KillDispatcher { dispatcher, away },
        6 => Fault::StopDispatcher { dispatcher, away },
        7 => Fault::FreezeDispatcher { dispatcher, long },
        8 => Fault::RestartNats { away },
        _ => Fault::Trouble { long: away },
    }
}

fn weather(rng: &mut Rng, class: Class, outputs: usize) -> Vec<(u64, usize, Weather)> {
    let mut all = Vec::new();
    for output in 0..outputs {
        let mut at = 0;
        for _ in 0..rng.random_range(0..=2) {
            // Who stops does not wait for an answer that comes too late.
            let kinds = if class == Class::Stops { 2 } else { 3 };
            let weather = [Weather::Down, Weather::Mixed, Weather::Slow][rng.random_range(0..kinds)];
            all.push((at, output, weather));
            at += rng.random_range(1_000..40_000);
        }
        all.push((at, output, Weather::Fair));
    }
    all
}
