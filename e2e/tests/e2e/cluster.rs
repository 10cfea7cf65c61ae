//! Three NATS servers: one of them is killed, frozen, cut off, or loses its disk, under load.

use std::time::Instant;

use anyhow::{Context, Result};
use e2e::nats::cluster::SERVERS;
use e2e::process::is_connected_to;
use e2e::report::say;
use e2e::{Cluster, World, story};

use crate::kills::{BETWEEN, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_whichever_nats_server_is_killed() {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread_around(world.cluster().await?).await?).await?;
        // The first is the one without which nothing can be given out.
        let first = stage.relay.nats.server_of_cursor(stage.output).await?;
        for node in [first, (first + 1) % SERVERS, (first + 2) % SERVERS] {
            kill(&mut stage, node).await?;
            stage.relay.nats.node(node).start_again().await?;
            stage.relay.nats.until_current().await?;
        }
        stage.close("one of three killed").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_with_the_disk_of_one_of_three() {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread_around(world.cluster().await?).await?).await?;
        let first = stage.relay.nats.server_of_cursor(stage.output).await?;
        kill(&mut stage, first).await?;
        stage.relay.nats.node(first).wipe()?;
        stage.relay.nats.node(first).start_again().await?;
        stage.relay.nats.until_current().await?;
        // Now the one that was wiped must have it all.
        kill(&mut stage, (first + 1) % SERVERS).await?;
        stage.relay.nats.node((first + 1) % SERVERS).start_again().await?;
        stage.relay.nats.until_current().await?;
        stage.close("one of three wiped").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_go_on_while_one_of_three_is_frozen() {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread_around(world.cluster().await?).await?).await?;
        let first = stage.relay.nats.server_of_cursor(stage.output).await?;
        stage.load.goes_on(BETWEEN).await?;
        stage.relay.nats.node(first).process().freeze()?;
        passes(&mut stage, &format!("node {first} frozen")).await?;
        stage.relay.nats.node(first).process().go_on()?;
        stage.relay.nats.until_current().await?;
        stage.close("one of three frozen").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_while_the_leader_is_cut_off_from_the_others() {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread_around(world.cluster().await?).await?).await?;
        // The one that takes the webhooks, and whose clients still reach it.
        let cut = server_of(&mut stage)?;
        stage.relay.nats.lead(cut).await?;
        stage.load.goes_on(BETWEEN).await?;
        stage.load.longest_pause();
        stage.relay.nats.routes().isolate(cut);
        passes(&mut stage, &format!("node {cut}, the leader, cut off")).await?;
        let pause = stage.load.longest_pause().as_secs_f32();
        say(&format!("node {cut}, the leader, cut off: at most {pause:.1} s without a webhook accepted"));
        stage.relay.nats.routes().heal();
        stage.relay.nats.until_current().await?;
        stage.close("one of three cut off").await
    })
    .await;
}

/// The number of the NATS server that the ingress is connected to.
fn server_of(stage: &mut Stage<Cluster>) -> Result<usize> {
    let ingress = stage.relay.ingress.process().id().context("the ingress runs")?;
    let is_it = |node: &usize| is_connected_to(ingress, stage.relay.nats.node(*node).address().port());
    (0..SERVERS).find(is_it).context("the ingress is connected to a NATS server")
}

/// Kills a server under load, and waits until a webhook that is sent from then on has arrived.
async fn kill(stage: &mut Stage<Cluster>, node: usize) -> Result<()> {
    stage.load.goes_on(BETWEEN).await?;
    stage.relay.nats.node(node).kill().await?;
    passes(stage, &format!("node {node} killed")).await
}

/// Waits until a webhook that is sent from now on has arrived.
async fn passes(stage: &mut Stage<Cluster>, what: &str) -> Result<()> {
    let since = Instant::now();
    stage.load.passes(&stage.relay, &stage.destination).await?;
    say(&format!("{what} under load, works again after {:.1} s", since.elapsed().as_secs_f32()));
    Ok(())
}
