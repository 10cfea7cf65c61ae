//! The power of nats-servers is cut: what their disk had not flushed is gone.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::disk::Disk;
use e2e::nats::Durability;
use e2e::nats::cluster::SERVERS;
use e2e::wait::until;
use e2e::{Log, Spread, World};
use serde_json::json;

use super::straight::Straight;
use super::traffic::Traffic;
use crate::setting::Broker;

/// The size of the disk, in bytes; only what is written takes room.
const DISK_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How many webhooks are accepted before the power is cut, and after it is back.
const BEFORE: u64 = 1000;
const AFTER: u64 = 50;
/// Which of three loses its power alone.
const CUT: usize = 0;

/// Of one server that flushes before it acknowledges.
pub(super) async fn one() -> Result<String> {
    let world = World::new()?;
    let disk = disk(&world)?;
    let nats = world.nats_in(disk.dir(), Durability::Always).await?;
    Box::pin(nothing_is_lost(&world, disk, Broker::One(Box::new(nats)))).await
}

/// Of three, all on the same disk, at the same moment.
pub(super) async fn three() -> Result<String> {
    let world = World::new()?;
    let disk = disk(&world)?;
    let cluster = world.cluster_in(disk.dir(), Durability::Always).await?;
    Box::pin(nothing_is_lost(&world, disk, Broker::Three(cluster))).await
}

/// Of the one of three that leads every stream, each with a disk of its own. When it is back it leads
/// again: what is given out and counted at the end is what it has.
pub(super) async fn one_of_three() -> Result<String> {
    let world = World::new()?;
    let disk = |number| {
        let image = world.dir().join(format!("disk-{number}.img"));
        Disk::make(image, world.dir().join(format!("nats-{number}")), DISK_BYTES)
    };
    let mut disks = (0..SERVERS).map(disk).collect::<Result<Vec<_>>>()?;
    let mut straight = Straight::around(&world, world.cluster().await?).await?;
    straight.relay.nats.lead(CUT).await?;
    let traffic = straight.traffic(Duration::ZERO);
    traffic.is_accepted(BEFORE).await?;

    let (node, disk) = (straight.relay.nats.node(CUT), disks.get_mut(CUT).context("it has a disk")?);
    node.process().freeze()?;
    disk.cut_power()?;
    node.kill().await?;
    let without = straight.passes(&traffic).await?.as_secs_f32();
    traffic.is_accepted(BEFORE).await?;
    disk.mount_again()?;
    straight.relay.nats.node(CUT).start_again().await?;
    straight.relay.nats.until_current().await?;
    straight.relay.nats.lead(CUT).await?;
    traffic.is_accepted(AFTER).await?;
    let account = straight.close(traffic).await?;
    Ok(format!("{account}; a webhook sent after the cut arrived after {without:.1} s"))
}

/// Of one that flushes every two minutes; it is only told what is lost.
pub(super) async fn fast() -> Result<String> {
    let world = World::new()?;
    let mut disk = disk(&world)?;
    let nats = world.nats_in(disk.dir(), Durability::Fast).await?;
    let mut relay = world.spread_around(Broker::One(Box::new(nats))).await?;
    let bucket = relay.rest()?.make_bucket("deploys", json!({})).await?;
    let traffic = Traffic::start(|| relay.caller(), bucket.input, Duration::ZERO);
    traffic.is_accepted(BEFORE).await?;
    cut(&mut relay, &mut disk).await?;
    let ledger = traffic.stop().await?.ledger;
    let log = Log::open(relay.nats.as_ref()).await?;
    let events = until("the log says what it has", async || Ok(log.events(bucket.id).await.ok())).await?;
    let accepted = ledger.accepted();
    Ok(format!("accepted {accepted}, of which {} are not in the log: lost", accepted.saturating_sub(events)))
}

fn disk(world: &World) -> Result<Disk> {
    Disk::make(world.dir().join("disk.img"), world.dir().join("disk"), DISK_BYTES)
}

async fn nothing_is_lost(world: &World, mut disk: Disk, broker: Broker) -> Result<String> {
    let mut straight = Straight::around(world, broker).await?;
    let traffic = straight.traffic(Duration::ZERO);
    traffic.is_accepted(BEFORE).await?;
    cut(&mut straight.relay, &mut disk).await?;
    traffic.is_accepted(AFTER).await?;
    straight.close(traffic).await
}

/// Cuts the power under all servers at the same moment, and gives it back.
async fn cut(relay: &mut Spread<Broker>, disk: &mut Disk) -> Result<()> {
    let servers = relay.nats.count();
    // Frozen first: nothing is acknowledged any more when the disk goes.
    for number in 0..servers {
        relay.nats.node(number).process().freeze()?;
    }
    disk.cut_power()?;
    for number in 0..servers {
        relay.nats.node(number).kill().await?;
    }
    disk.mount_again()?;
    for number in 0..servers {
        relay.nats.node(number).start_again().await?;
    }
    Ok(())
}
