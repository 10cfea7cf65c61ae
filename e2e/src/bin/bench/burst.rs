//! A burst of webhooks into one bucket, and all of them sent again by a replay.

use std::time::{Duration, Instant};

use e2e::nats::Durability;
use e2e::report::say;
use e2e::wait::until;
use serde_json::{Value, json};

use crate::args::Args;
use crate::load::Until;
use crate::rig::Rig;
use crate::traffic::Shape;

/// What was measured.
pub(crate) struct Burst {
    pub(crate) count: u64,
    /// From the first webhook to the last answer.
    pub(crate) accepted_in: Duration,
    /// From the first webhook to the last delivery.
    pub(crate) delivered_in: Duration,
    pub(crate) lost: usize,
    pub(crate) duplicates: u64,
    /// From the request for the replay to the last delivery.
    pub(crate) replayed_in: Duration,
}

/// Sends the burst as fast as answers come; then asks for a replay of all of it.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Burst> {
    let count = args.burst();
    let mut rig = Rig::start(Durability::Always, 1).await?;
    let (api, bucket) = (rig.server.api()?, rig.traffic.buckets[0].clone());
    // By an input of its own, so that a filter can tell it from the warm-up.
    let input = api.make_input(&bucket, json!({"name": "burst"})).await?;
    rig.traffic.buckets[0].input = input;
    let shape = Shape { body_bytes: args.body_bytes, connections: args.connections, buckets: 1 };
    let run = rig.traffic.saturate(Until::Sent(count), &shape).await?;
    let delivered_in = run.sent.took + run.lag;

    let before = rig.traffic.destination.count();
    let asked = Instant::now();
    let filter = json!({"bucket": bucket.name, "filters": {"input": input}});
    // Until the API has read all that there is, it does not count.
    let matched = until("a replay begins", async || {
        let answer = api.request("POST", "/v1/replays", &filter).await?;
        let shown: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok((answer.status == 201).then(|| shown["matched"].as_u64().unwrap_or(0)))
    })
    .await?;
    rig.traffic.until_arrived(before, usize::try_from(matched)?).await?;
    let burst = Burst {
        count: matched,
        accepted_in: run.sent.took,
        delivered_in,
        lost: run.lost,
        duplicates: run.duplicates,
        replayed_in: asked.elapsed(),
    };
    say(&format!(
        "a burst of {matched}: accepted in {:.1} s, delivered in {:.1} s, replayed in {:.1} s, lost {}",
        burst.accepted_in.as_secs_f64(),
        burst.delivered_in.as_secs_f64(),
        burst.replayed_in.as_secs_f64(),
        burst.lost
    ));
    Ok(burst)
}
