//! The power of nats-servers is cut: what their disk had not flushed is gone.

use std::time::Duration;

use anyhow::Result;
use e2e::disk::Disk;
use e2e::nats::Durability;
use e2e::wait::{holds, until};
use e2e::{Destination, Log, Spread, World};
use model::fact::Ending;
use serde_json::json;

use super::account;
use super::traffic::Traffic;
use crate::setting::Broker;

/// The size of the disk, in bytes; only what is written takes room.
const DISK_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How many webhooks are accepted before the power is cut, and after it is back.
const BEFORE: u64 = 1000;
const AFTER: u64 = 50;

/// Of one server that flushes before it acknowledges.
pub(super) async fn one() -> Result<String> {
    let world = World::new()?;
    let disk = disk(&world)?;
    let nats = world.nats_in(disk.dir(), Durability::Always).await?;
    nothing_is_lost(&world, disk, Broker::One(Box::new(nats))).await
}

/// Of three, all on the same disk, at the same moment.
pub(super) async fn three() -> Result<String> {
    let world = World::new()?;
    let disk = disk(&world)?;
    let cluster = world.cluster_in(disk.dir(), Durability::Always).await?;
    nothing_is_lost(&world, disk, Broker::Three(cluster)).await
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
    let ledger = traffic.stop().await?;
    let log = Log::open(relay.nats.as_ref()).await?;
    let events = until("the log says what it has", async || Ok(log.events(bucket.id).await.ok())).await?;
    let accepted = ledger.accepted();
    Ok(format!("accepted {accepted}, of which {} are not in the log: lost", accepted.saturating_sub(events)))
}

fn disk(world: &World) -> Result<Disk> {
    Disk::make(world.dir().join("disk.img"), world.dir().join("disk"), DISK_BYTES)
}

async fn nothing_is_lost(world: &World, mut disk: Disk, broker: Broker) -> Result<String> {
    let mut relay = world.spread_around(broker).await?;
    let api = relay.rest()?;
    let destination = Destination::start()?;
    let bucket = api.make_bucket("deploys", json!({})).await?;
    let output = api.make_output(&bucket, &destination.url("/"), json!({})).await?;
    let token = api.make_token(json!({})).await?;
    let agent = world.agent("agent").token(&token).servers(&relay.dispatcher, &relay.api).serves("deploys");
    let _agent = agent.start()?;
    let traffic = Traffic::start(|| relay.caller(), bucket.input, Duration::ZERO);
    traffic.is_accepted(BEFORE).await?;
    cut(&mut relay, &mut disk).await?;
    traffic.is_accepted(AFTER).await?;
    let ledger = traffic.stop().await?;
    // What is lost shows below, by its numbers.
    let arrived = async || Ok(holds(ledger.is_covered_by(&destination.arrivals())));
    let _ = until("everything accepted has arrived", arrived).await;
    let account = account(&ledger.close(&destination.arrivals()))?;
    let log = Log::open(relay.nats.as_ref()).await?;
    let events = until("the log says how many there are", async || Ok(log.events(bucket.id).await.ok())).await?;
    log.until_ended(bucket.id, output, Ending::Sent, events).await?;
    Ok(account)
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
