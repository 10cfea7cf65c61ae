//! Three nats-servers on machines of their own. The cable of the one that leads every stream is
//! pulled: neither the others nor any client reaches it, and nobody is told.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::netns::{Bridge, Namespace};
use e2e::process::is_connected_to;
use e2e::{Cluster, Server, World};

use super::straight::Straight;

/// How long the cable is out: longer than an election, and than anybody's patience.
const PULLED: Duration = Duration::from_secs(20);
/// How many webhooks are accepted at least, from one step to the next.
const BETWEEN: u64 = 300;
/// From one webhook of a sender to its next.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) async fn one() -> Result<String> {
    let world = World::new()?;
    let bridge = Bridge::make()?;
    let machines = [bridge.namespace(0)?, bridge.namespace(1)?, bridge.namespace(2)?];
    let mut straight = Straight::around(&world, world.cluster_apart(machines).await?).await?;
    // The one that takes the webhooks.
    let cut = server_of(&straight.relay.ingress, &straight.relay.nats).context("the ingress has no NATS server")?;
    straight.relay.nats.lead(cut).await?;
    let relay = &straight.relay;
    let services = [&relay.auth, &relay.ingress, &relay.dispatcher, &relay.api];
    let clients = services.into_iter().filter(|service| server_of(service, &relay.nats) == Some(cut)).count();
    let traffic = straight.traffic(PAUSE);
    traffic.is_accepted(BETWEEN).await?;
    straight.passes(&traffic).await?;

    machine(&mut straight.relay.nats, cut)?.pull()?;
    let (without, ()) = tokio::join!(straight.passes(&traffic), tokio::time::sleep(PULLED));
    machine(&mut straight.relay.nats, cut)?.plug()?;
    let after = straight.passes(&traffic).await?.as_secs_f32();
    traffic.is_accepted(BETWEEN).await?;
    straight.relay.nats.until_current().await?;
    let (without, account) = (without?.as_secs_f32(), straight.close(traffic).await?);
    Ok(format!(
        "{account}; {clients} of 4 services were connected to it; a webhook sent after the cut arrived after \
         {without:.1} s, one sent after it was healed after {after:.1} s"
    ))
}

/// The number of the NATS server that a service is connected to.
fn server_of(service: &Server, cluster: &Cluster) -> Option<usize> {
    let id = service.process().id()?;
    cluster.as_ref().addresses.iter().position(|address| is_connected_to(id, address.port()))
}

fn machine(cluster: &mut Cluster, number: usize) -> Result<&Namespace> {
    cluster.node(number).machine().context("the server has a machine of its own")
}
