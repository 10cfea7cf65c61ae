//! A healthy output beside one that is dead, one that is slow and one that always fails, all of
//! one bucket: each webhook is due to all of them.

use std::time::Duration;

use e2e::nats::Durability;
use e2e::report::say;
use e2e::{Destination, Reply};
use serde_json::json;

use crate::args::Args;
use crate::load::Latencies;
use crate::rates::ms;
use crate::rig::Rig;
use crate::traffic::{Run, Shape};

/// The rate of webhooks, in a second.
const RATE: f64 = 200.0;
/// How long the slow destination takes to answer.
const SLOW: Duration = Duration::from_secs(5);

/// What was measured of the healthy output.
pub(crate) struct Neighbours {
    pub(crate) without: Latencies,
    pub(crate) with: Latencies,
    pub(crate) lost: usize,
}

/// Measures the healthy output alone, then beside the others.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Neighbours> {
    let mut rig = Rig::start(Durability::Always, 1).await?;
    let shape = Shape { body_bytes: args.body_bytes, connections: 64, buckets: 1 };
    let without = rig.traffic.run(RATE, args.span(), &shape).await?;
    tell("alone", &without);

    let dead = Destination::refusing()?;
    let (slow, failing) = (Destination::start()?, Destination::start()?);
    slow.keeps_nothing();
    slow.replies(|_| Reply::Late(SLOW, 200));
    failing.keeps_nothing();
    failing.replies(|_| Reply::Status(500));
    let (api, bucket) = (rig.server.api()?, rig.traffic.buckets[0].clone());
    for destination in [&dead, &slow, &failing] {
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
    }
    let with = rig.traffic.run(RATE, args.span(), &shape).await?;
    tell("beside a dead, a slow and a failing one", &with);
    Ok(Neighbours { lost: without.lost + with.lost, without: without.delivered, with: with.delivered })
}

fn tell(name: &str, run: &Run) {
    let (p50, p99) = (ms(&run.delivered, 0.5), ms(&run.delivered, 0.99));
    say(&format!("a healthy output at {RATE:.0}/s {name}: p50 {p50:.2} ms p99 {p99:.2} ms, lost {}", run.lost));
}
