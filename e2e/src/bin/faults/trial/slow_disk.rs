//! The disk under a nats-server takes a few writes a second for a while. Callers wait or are told to
//! come again, memory stays where it was, and nothing is lost.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::cgroup::Group;
use e2e::disk::Disk;
use e2e::nats::Durability;
use e2e::wait::{holds, until};
use e2e::{Destination, World};
use serde_json::json;

use super::account;
use super::traffic::Traffic;

/// The size of the disk, in bytes; only what is written takes room.
const DISK_BYTES: u64 = 1024 * 1024 * 1024;
/// How many writes it takes in a second, and for how long; then as many as come.
const WRITES: u32 = 5;
const SLOW: Duration = Duration::from_secs(20);
const ALL: u32 = 1_000_000;
/// How many webhooks are accepted before and after.
const BETWEEN: u64 = 100;
/// From one webhook of a sender to its next.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) async fn run() -> Result<String> {
    let world = World::new()?;
    let disk = Disk::make(world.dir().join("disk.img"), world.dir().join("disk"), DISK_BYTES)?;
    let group = Group::with_writes(disk.device()?, ALL)?;
    let nats = world.nats_in(disk.dir(), Durability::Always).await?;
    group.add(nats.process().id().context("nats-server runs")?)?;
    let relay = world.spread_around(nats).await?;
    let api = relay.rest()?;
    let destination = Destination::start()?;
    let bucket = api.make_bucket("deploys", json!({})).await?;
    api.make_output(&bucket, &destination.url("/"), json!({})).await?;
    let token = api.make_token(json!({})).await?;
    let agent = world.agent("agent").token(&token).servers(&relay.dispatcher, &relay.api).serves("deploys");
    let _agent = agent.start()?;
    let traffic = Traffic::start(|| relay.caller(), bucket.input, PAUSE);
    traffic.is_accepted(BETWEEN).await?;

    let (before, memory_before) = (traffic.accepted(), relay.ingress.process().resident_bytes()?);
    group.limit_writes(disk.device()?, WRITES)?;
    tokio::time::sleep(SLOW).await;
    let (slow, memory) = (traffic.accepted() - before, relay.ingress.process().resident_bytes()?);
    group.limit_writes(disk.device()?, ALL)?;
    traffic.is_accepted(BETWEEN).await?;

    let ledger = traffic.stop().await?;
    until("everything accepted has arrived", async || Ok(holds(ledger.is_covered_by(&destination.arrivals())))).await?;
    let account = account(&ledger.close(&destination.arrivals()))?;
    let grown = memory.saturating_sub(memory_before) / (1024 * 1024);
    Ok(format!("{account}; {slow} accepted in the slow {} s; the ingress grew by {grown} MiB", SLOW.as_secs()))
}
