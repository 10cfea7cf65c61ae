//! Many buckets: what they cost in memory, and what they do to webhooks and to a start.

use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::nats::Durability;
use e2e::report::say;
use e2e::{Api, Bucket};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::args::Args;
use crate::load::Latencies;
use crate::rates::ms;
use crate::rig::Rig;
use crate::traffic::Shape;

/// Webhooks in a second.
const RATE: f64 = 500.0;
/// How many buckets are made at a time.
const MADE_AT_ONCE: usize = 16;

/// What was measured.
pub(crate) struct Buckets {
    pub(crate) count: usize,
    /// Webhooks through one bucket while it is the only one, and spread over all of them.
    pub(crate) one: Latencies,
    pub(crate) all: Latencies,
    pub(crate) lost: usize,
    /// How much memory the server took before and with them, in bytes.
    pub(crate) memory: (u64, u64),
    /// From the start of the server to its first accepted webhook.
    pub(crate) started_in: Duration,
}

/// Makes them, each with an output, sends to all of them, and starts the server again.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Buckets> {
    let mut rig = Rig::start(Durability::Always, 1).await?;
    let shape = Shape { body_bytes: args.body_bytes, connections: 64, buckets: 1 };
    let one = rig.traffic.run(RATE, args.span(), &shape).await?;
    let before = rig.server.process().resident_bytes()?;

    let (api, url) = (rig.server.api()?, rig.traffic.destination.url("/"));
    let made = stream::iter(1..args.bucket_count()).map(|number| make(&api, &url, number));
    let made: Vec<Bucket> = made.buffer_unordered(MADE_AT_ONCE).try_collect().await?;
    rig.traffic.buckets.extend(made);
    rig.traffic.warm_up().await?;
    let count = rig.traffic.buckets.len();
    let all = rig.traffic.run(RATE, args.span(), &Shape { buckets: count, ..shape }).await?;
    let with = rig.server.process().resident_bytes()?;

    rig.server.process_mut().terminate()?;
    ensure!(rig.server.process_mut().exit().await?.success(), "the server did not end well");
    let started = Instant::now();
    rig.server.start_again().await?;
    let answer = rig.server.caller().post(rig.traffic.buckets[count - 1].input, b"0").await?;
    ensure!(answer.status == 200, "after its start the server answered {}", answer.status);
    let started_in = started.elapsed();
    let lost = one.lost + all.lost;
    let buckets = Buckets { count, one: one.delivered, all: all.delivered, lost, memory: (before, with), started_in };
    say(&format!(
        "{count} buckets at {RATE}/s: delivered p50 {:.2} ms p99 {:.2} ms (one: {:.2} and {:.2}), {} bytes each, \
         started in {:.1} s, lost {lost}",
        ms(&buckets.all, 0.5),
        ms(&buckets.all, 0.99),
        ms(&buckets.one, 0.5),
        ms(&buckets.one, 0.99),
        with.saturating_sub(before) / count as u64,
        started_in.as_secs_f64()
    ));
    Ok(buckets)
}

async fn make(api: &Api, url: &str, number: usize) -> anyhow::Result<Bucket> {
    let bucket = api.make_bucket(&format!("many-{number}"), json!({})).await?;
    api.make_output(&bucket, url, json!({})).await?;
    Ok(bucket)
}
