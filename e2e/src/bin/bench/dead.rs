//! Thousands of outputs whose destinations are down, beside one that is up.

use std::time::Duration;

use anyhow::{Context, ensure};
use e2e::nats::Durability;
use e2e::report::say;
use e2e::wait::until_within;
use e2e::{Bucket, Destination};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;

use crate::args::Args;
use crate::load::Latencies;
use crate::rates::ms;
use crate::rig::Rig;
use crate::traffic::{Run, Shape};

/// The rate of the live output, in webhooks a second.
const RATE: f64 = 200.0;
/// How many outputs are made at a time.
const MADE_AT_ONCE: usize = 16;
/// How often the log is looked at: rarely, since looking costs the same processors.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it may take until every dead output was tried once.
const TRIED_WAIT: Duration = Duration::from_secs(300);

/// What was measured.
pub(crate) struct Dead {
    pub(crate) outputs: usize,
    pub(crate) without: Latencies,
    pub(crate) with: Latencies,
    pub(crate) lost: usize,
}

/// Measures the live output alone, then beside dead ones that all have something to deliver.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Dead> {
    let (buckets, outputs_each) = args.dead();
    let mut rig = Rig::start(Durability::Always, 1).await?;
    let shape = Shape { body_bytes: args.body_bytes, connections: 64, buckets: 1 };
    let without = rig.traffic.run(RATE, args.span(), &shape).await?;
    tell("alone", &without);

    let down = Destination::refusing()?;
    let dead = make(&rig, buckets, outputs_each, &down).await?;
    let mut caller = rig.server.caller();
    for bucket in &dead {
        let answer = caller.post(bucket.input, b"nobody will get this").await?;
        ensure!(answer.status == 200, "a webhook was answered {}", answer.status);
    }
    until_all_tried(&rig, &dead, outputs_each).await?;
    let with = rig.traffic.run(RATE, args.span(), &shape).await?;
    tell(&format!("beside {} dead ones", buckets * outputs_each), &with);
    Ok(Dead {
        outputs: buckets * outputs_each,
        lost: without.lost + with.lost,
        without: without.delivered,
        with: with.delivered,
    })
}

async fn make(rig: &Rig, buckets: usize, outputs_each: usize, down: &Destination) -> anyhow::Result<Vec<Bucket>> {
    let api = rig.server.api()?;
    let mut dead = Vec::new();
    for number in 0..buckets {
        let bucket = api.make_bucket(&format!("dead-{number}"), json!({})).await?;
        let outputs = stream::iter(0..outputs_each).map(|output| {
            let (api, bucket, url) = (&api, &bucket, down.url(&format!("/{output}")));
            async move { api.make_output(bucket, &url, json!({})).await }
        });
        outputs.buffer_unordered(MADE_AT_ONCE).try_collect::<Vec<_>>().await?;
        dead.push(bucket);
    }
    say(&format!("made {} dead outputs", buckets * outputs_each));
    Ok(dead)
}

/// Waits until the log has an attempt for every dead output.
async fn until_all_tried(rig: &Rig, dead: &[Bucket], outputs_each: usize) -> anyhow::Result<()> {
    let log = rig.server.log().await?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    for bucket in dead {
        let what = format!("every dead output of {} was tried", bucket.name);
        let mut tried = 0;
        let waited = until_within(TRIED_WAIT, &what, async || {
            looks.tick().await;
            tried = log.cursors_with_facts(bucket.id).await?;
            Ok((tried >= outputs_each).then_some(()))
        });
        waited.await.with_context(|| format!("{tried} were"))?;
    }
    Ok(())
}

fn tell(name: &str, run: &Run) {
    let (p50, p99) = (ms(&run.delivered, 0.5), ms(&run.delivered, 0.99));
    say(&format!("a live output at {RATE:.0}/s {name}: delivered p50 {p50:.2} ms p99 {p99:.2} ms, lost {}", run.lost));
}
