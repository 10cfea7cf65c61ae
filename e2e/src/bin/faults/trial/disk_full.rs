//! The disk under a relay's own nats-server is full. Nothing is lost, readiness says why, and when
//! there is room again webhooks are accepted again without a hand.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::disk::Small;
use e2e::wait::{holds, until};
use e2e::{Destination, World};
use serde_json::json;

use super::account;
use super::traffic::Traffic;

/// The size of the disk, in bytes. JetStream takes three quarters of it, and the stream for inputs
/// that do not exist reserves 256 MiB of that.
const DISK_BYTES: u64 = 512 * 1024 * 1024;
/// How many webhooks are accepted at least, or refused, from one step to the next.
const BETWEEN: u64 = 50;
/// From one webhook of a sender to its next.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn run() -> Result<String> {
    let world = World::new()?;
    let disk = Small::over(&world.dir().join("relay/nats"), DISK_BYTES)?;
    let mut server = world.server("relay").start().await?;
    let api = server.api()?;
    let destination = Destination::start()?;
    let bucket = api.make_bucket("deploys", json!({})).await?;
    api.make_output(&bucket, &destination.url("/"), json!({})).await?;
    let token = api.make_token(json!({})).await?;
    let _agent = world.agent("agent").token(&token).server(&server).serves("deploys").start()?;
    let traffic = Traffic::start(|| server.caller(), bucket.input, PAUSE);
    traffic.is_accepted(BETWEEN).await?;

    disk.fill()?;
    let full = Instant::now();
    traffic.is_refused(4).await?;
    until("readiness says why", async || Ok(holds(server.is_not_ready_for("no space left").await))).await?;
    let told = full.elapsed().as_secs_f32();
    ensure!(server.process_mut().is_running()?, "the relay ended on a full disk");

    disk.free()?;
    let freed = Instant::now();
    traffic.is_accepted(BETWEEN).await?;
    let back = freed.elapsed().as_secs_f32();
    server.until_ready().await?;

    let ledger = traffic.stop().await?;
    until("everything accepted has arrived", async || Ok(holds(ledger.is_covered_by(&destination.arrivals())))).await?;
    let account = account(&ledger.close(&destination.arrivals()))?;
    Ok(format!("{account}; `/readyz` said why after {told:.1} s; accepted again {back:.1} s after the disk had room"))
}
