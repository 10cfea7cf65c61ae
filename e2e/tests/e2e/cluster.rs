//! Three NATS servers: one of them is killed, frozen, or loses its disk, under load.

use std::time::Instant;

use anyhow::Result;
use e2e::nats::cluster::SERVERS;
use e2e::report::say;
use e2e::{Cluster, World, story};

use crate::kills::{BETWEEN, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_whichever_nats_server_is_killed() {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread_around(world.cluster().await?).await?).await?;
        let leader = stage.relay.nats.leader_of("KV_directory").await?;
        for (what, node) in
            [("leader", leader), ("another", (leader + 1) % SERVERS), ("the last", (leader + 2) % SERVERS)]
        {
            kill(&mut stage, what, node).await?;
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
        let leader = stage.relay.nats.leader_of("KV_directory").await?;
        kill(&mut stage, "leader", leader).await?;
        stage.relay.nats.node(leader).wipe()?;
        stage.relay.nats.node(leader).start_again().await?;
        stage.relay.nats.until_current().await?;
        // Now the one that was wiped must have it all.
        kill(&mut stage, "another", (leader + 1) % SERVERS).await?;
        stage.relay.nats.node((leader + 1) % SERVERS).start_again().await?;
        stage.close("one of three wiped").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_go_on_while_one_of_three_is_frozen() {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread_around(world.cluster().await?).await?).await?;
        let leader = stage.relay.nats.leader_of("KV_directory").await?;
        stage.load.goes_on(BETWEEN).await?;
        stage.relay.nats.node(leader).process().freeze()?;
        passes(&mut stage, &format!("node {leader} (leader) frozen")).await?;
        stage.relay.nats.node(leader).process().go_on()?;
        stage.close("one of three frozen").await
    })
    .await;
}

/// Kills a server under load, and waits until a webhook that is sent from then on has arrived.
async fn kill(stage: &mut Stage<Cluster>, what: &str, node: usize) -> Result<()> {
    stage.load.goes_on(BETWEEN).await?;
    stage.relay.nats.node(node).kill().await?;
    passes(stage, &format!("node {node} ({what}) killed")).await
}

/// Waits until a webhook that is sent from now on has arrived.
async fn passes(stage: &mut Stage<Cluster>, what: &str) -> Result<()> {
    let since = Instant::now();
    stage.load.passes(&stage.relay, &stage.destination).await?;
    say(&format!("{what} under load, works again after {:.1} s", since.elapsed().as_secs_f32()));
    Ok(())
}
