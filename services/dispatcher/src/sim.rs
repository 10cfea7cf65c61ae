//! A simulator of dispatchers, agents and what lies between them, driven by a seed.
//!
//! The decisions are the ones of the programs, and no copy: `courier::Work` with its `Book`,
//! `session::Session`, `store::cursor::Position`, `model::progress::Progress`, `model::retry`, and of
//! the agent `session::state::State`, `session::unsure::Unsure`, `worker::lanes::Lanes` and
//! `worker::ledger::Ledger`. Only the world around them is made up, and as small as it can be:
//!
//! - `plan` makes of a seed what happens when: events, faults, and how destinations fare. A plan that
//!   fails is made smaller until nothing more can be left out.
//! - `nats` is a stream with its consumer and its facts, as JetStream behaves.
//! - `holder` is what is left of a courier: it carries out what its `Work` says.
//! - `link` is a session between a dispatcher and an agent, `agent` the agent with its destinations.
//! - `world` has all of them and the calendar: one thing after the other, in simulated time.
//! - `witness` sees everything, and says what must hold.
//!
//! `cargo test -p dispatcher sim` plays a fixed number of seeds, `RELAY_SIM_SEEDS=1000000` so many,
//! and `RELAY_SIM_SEED=<seed>` one, with its trace when it fails.

mod plan;

mod nats;

mod holder;

mod link;

mod agent;

mod witness;

mod world;

use plan::Plan;
use world::{Seen, World};

/// How many seeds are played when nothing else is asked for: some seconds in a debug build.
const SEEDS: u64 = 3000;

/// Plays a plan; the first thing that should not be is the error.
fn play(plan: &Plan) -> Result<Seen, String> {
    World::new(plan.clone(), false).run().map_err(|(wrong, _)| wrong)
}

/// Says how a plan fails, by its smallest part that still does.
fn explain(plan: Plan) -> String {
    let small = plan.smallest(|plan| play(plan).is_err());
    let Err((wrong, trace)) = World::new(small.clone(), true).run() else {
        return "it fails, and does not fail again: something here is not decided by the seed".to_owned();
    };
    format!("{wrong}\n\n{small:#?}\n\n{}\n", trace.join("\n"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever plays many seeds wants to know how it went")]
fn whatever_fails_nothing_is_lost_doubled_or_out_of_order_without_a_reason() {
    let seeds = match number("RELAY_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("RELAY_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (begun, mut all) = (std::time::Instant::now(), Seen::default());
    for seed in seeds.clone() {
        let plan = Plan::of(seed);
        match play(&plan) {
            Ok(seen) => all.add(&seen),
            Err(wrong) => {
                let why = explain(plan);
                panic!("seed {seed}: {wrong}\nRELAY_SIM_SEED={seed} cargo test -p dispatcher sim\n\n{why}");
            }
        }
    }
    let count = seeds.end - seeds.start;
    let pace = count as f64 / begun.elapsed().as_secs_f64();
    println!("{count} schedules, {pace:.0} in a second: {all:?}");
    if count >= SEEDS {
        all.check();
    }
}
