//! The disk under a nats-server takes a few writes a second for a while. Callers wait or are told to
//! come again, memory stays where it was, and nothing is lost.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::World;
use e2e::cgroup::Group;
use e2e::disk::Disk;
use e2e::nats::Durability;

use super::straight::Straight;

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
    let straight = Straight::around(&world, nats).await?;
    let ingress = straight.relay.ingress.process();
    let traffic = straight.traffic(PAUSE);
    traffic.is_accepted(BETWEEN).await?;

    let (before, memory_before) = (traffic.accepted(), ingress.resident_bytes()?);
    group.limit_writes(disk.device()?, WRITES)?;
    tokio::time::sleep(SLOW).await;
    let (slow, memory) = (traffic.accepted() - before, ingress.resident_bytes()?);
    group.limit_writes(disk.device()?, ALL)?;
    traffic.is_accepted(BETWEEN).await?;

    let account = straight.close(traffic).await?;
    let grown = memory.saturating_sub(memory_before) / (1024 * 1024);
    Ok(format!("{account}; {slow} accepted in the slow {} s; the ingress grew by {grown} MiB", SLOW.as_secs()))
}
