//! The bench: how much the relay takes, how long a webhook is under way, and what it costs.
//!
//! The cast:
//!
//! - `load` sends at a fixed rate, whatever the answers do, and counts from the scheduled moment.
//! - `traffic` sends webhooks through a relay, and closes the ledger of a run.
//! - `rig` is a server, a nats-server and an agent as people run them; `apart` has a process for
//!   each role, and says what each takes of processors.
//! - `rates` measures latencies at given rates and finds the highest without loss.
//! - `yardsticks` measure the same machine without the relay: JetStream alone, axum alone, the disk;
//!   `accept` measures the ingress with nothing to deliver.
//! - `burst`, `bodies`, `buckets`, `growth` and `sessions` measure many of something.
//! - `dead` and `neighbours` measure what outputs do to each other.
//! - `oracle` measures whether answers tell which inputs exist.
//! - `page` writes it all down.

mod accept;
mod apart;
mod args;
mod bodies;
mod buckets;
mod burst;
mod dead;
mod growth;
mod load;
mod neighbours;
mod oracle;
mod page;
mod rates;
mod rig;
mod sessions;
mod traffic;
mod yardsticks;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use e2e::machine;
use e2e::report::say;

use crate::args::{Args, Part};
use crate::page::Page;

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("start the runtime").and_then(|runtime| runtime.block_on(run(&args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    if args.bare_axum {
        return yardsticks::serve_bare_axum().await;
    }
    let mut page = Page::new(machine::describe()?);
    if args.has(Part::Yardsticks) {
        page.axum = Some(yardsticks::axum(args).await?);
    }
    for durability in args.durabilities() {
        let yardstick = match args.has(Part::Yardsticks) {
            true => Some(yardsticks::jetstream(args, durability).await?),
            false => None,
        };
        let accept = match args.has(Part::Yardsticks) {
            true => Some(accept::measure(args, durability).await?),
            false => None,
        };
        let measured = match args.has(Part::Rates) {
            true => Some(rates::measure(args, durability).await?),
            false => None,
        };
        page.settings.push(page::Setting { durability, yardstick, accept, measured });
    }
    if args.has(Part::Cluster) {
        page.cluster = Some((yardsticks::cluster(args).await?, accept::cluster(args).await?));
    }
    if args.has(Part::Burst) {
        page.burst = Some(burst::measure(args).await?);
    }
    if args.has(Part::Bodies) {
        page.bodies = bodies::measure(args).await?;
    }
    if args.has(Part::Buckets) {
        page.buckets = Some(buckets::measure(args).await?);
    }
    if args.has(Part::Growth) {
        page.growth = growth::measure(args).await?;
    }
    if args.has(Part::Sessions) {
        page.sessions = Some(sessions::measure(args).await?);
    }
    if args.has(Part::Dead) {
        page.dead = Some(dead::measure(args).await?);
    }
    if args.has(Part::Neighbours) {
        page.neighbours = Some(neighbours::measure(args).await?);
    }
    if args.has(Part::Oracle) {
        page.oracle = Some(oracle::measure(args).await?);
    }
    let text = page.text(args);
    say(&text);
    if let Some(path) = &args.write {
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
