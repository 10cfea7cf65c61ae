//! An ingress that may take little memory gets many large bodies at once: callers are told to come
//! again, it is not killed, and small webhooks are taken meanwhile.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::World;
use e2e::cgroup::Group;
use e2e::wait::{holds, until};
use serde_json::json;
use tokio::task::JoinSet;

use super::traffic::Traffic;

/// What the ingress may take, in bytes, and what of it for bodies: a quarter, as sealing copies and
/// the rest of the process needs its own.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
const BODIES_BYTES: u64 = MEMORY_BYTES / 4;
/// How many large bodies come at once, and how large each is, in bytes.
const LARGE: usize = 100;
const LARGE_BYTES: usize = 10 * 1024 * 1024;
/// From one small webhook of a sender to its next.
const PAUSE: Duration = Duration::from_millis(20);
/// How many small webhooks are accepted before the large ones come, and after.
const SMALL: u64 = 50;

pub(super) async fn run() -> Result<String> {
    let world = World::new()?;
    let group = Group::with_memory(MEMORY_BYTES)?;
    let nats = world.nats().await?;
    let rest = world.server_around(&nats, "rest", "auth,dispatcher,api").start().await?;
    let ingress = world.server_around(&nats, "ingress", "ingress");
    let ingress = ingress.args(["--body-memory-bytes-max", &BODIES_BYTES.to_string()]).start().await?;
    group.add(ingress.process().id().context("the ingress runs")?)?;
    let bucket = rest.api()?.make_bucket("deploys", json!({})).await?;
    until("the ingress takes webhooks", async || {
        Ok(holds(ingress.caller().post_number(bucket.input, 0).await == Some(200)))
    })
    .await?;

    let traffic = Traffic::start(|| ingress.caller(), bucket.input, PAUSE);
    traffic.is_accepted(SMALL).await?;
    let body: &[u8] = Vec::leak(vec![b'x'; LARGE_BYTES]);
    let mut uploads = JoinSet::new();
    for _ in 0..LARGE {
        let (mut caller, input) = (ingress.caller(), bucket.input);
        uploads.spawn(async move { caller.post(input, body).await.ok().map(|answer| answer.status) });
    }
    let (mut accepted, mut refused, mut broken) = (0, 0, 0);
    while let Some(status) = uploads.join_next().await {
        match status? {
            Some(200) => accepted += 1,
            Some(_) => refused += 1,
            None => broken += 1,
        }
    }
    traffic.is_accepted(SMALL).await?;
    let small = traffic.stop().await?.ledger;
    let kills = group.kills()?;
    ensure!(kills == 0, "the ingress was killed for its memory");
    let (peak, small_accepted) = (group.peak_bytes()? / (1024 * 1024), small.accepted());
    let small_refused = small.not_accepted();
    Ok(format!(
        "{LARGE} bodies of 10 MiB at once: {accepted} accepted, {refused} refused, {broken} broken off; small ones \
         meanwhile: {small_accepted} accepted, {small_refused} refused; at most {peak} MiB of 256, killed {kills} times"
    ))
}
