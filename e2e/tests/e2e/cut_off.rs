//! An agent whose connection is there and carries nothing, and one that does not read.

use std::time::Duration;

use anyhow::Result;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Agent, Bucket, Destination, Link, Server, Spread, World, story};
use serde_json::json;

use crate::straight::send;

/// Two heartbeats, and what a busy machine needs.
const NOTICED_MAX: Duration = Duration::from_secs(30);
/// Large webhooks that wait for who does not read: far more than a dispatcher may hold for a session.
const WAITING: u64 = 150;
const BODY_BYTES: usize = 400 * 1024;
/// By how much a dispatcher may grow meanwhile: what a session may have under way, twice.
const GROWTH_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A relay and an agent with a link between them.
struct Cut {
    _agent: Agent,
    destination: Destination,
    bucket: Bucket,
    link: Link,
    relay: Spread,
}

impl Cut {
    async fn new(world: &World) -> Result<Self> {
        let relay = world.spread().await?;
        let (api, destination) = (relay.rest()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let link = Link::to(vec![Server::address(&relay.dispatcher)]).await?;
        let plan = world.agent("agent").token(&token).servers(&relay.dispatcher, &relay.api);
        let agent = plan.env("RELAY_GRPC_API_ADDRESS", &link.url()).serves("deploys").start()?;
        let cut = Self { _agent: agent, destination, bucket, link, relay };
        send(&cut.relay.ingress, &cut.bucket, [0]).await?;
        cut.destination.receives_number(0).await?;
        Ok(cut)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_carries_nothing_is_noticed_on_both_sides() {
    story(async |world: &World| {
        let cut = Cut::new(world).await?;
        let silenced = cut.link.silence();
        let ledger = send(&cut.relay.ingress, &cut.bucket, 1..=10).await?;
        let (agent, dispatcher) = silenced.noticed(NOTICED_MAX).await?;
        say(&format!(
            "a dead connection is noticed by the agent after {:.1} s, by the dispatcher after {:.1} s",
            agent.as_secs_f32(),
            dispatcher.as_secs_f32()
        ));
        until("everything has arrived", async || Ok(holds(ledger.is_covered_by(&cut.destination.arrivals())))).await?;
        ledger.close(&cut.destination.arrivals()).assert_once_and_in_order();
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_agent_that_does_not_read_is_not_held_in_memory() {
    story(async |world: &World| {
        let cut = Cut::new(world).await?;
        let before = cut.relay.dispatcher.process().resident_bytes()?;
        cut.link.stop_reading();
        let (mut caller, mut peak) = (cut.relay.caller(), before);
        for number in 1..=WAITING {
            let mut body = format!("{number} ").into_bytes();
            body.resize(BODY_BYTES, b'x');
            let answer = caller.post(cut.bucket.input, &body).await?;
            assert_eq!(answer.status, 200);
            peak = peak.max(cut.relay.dispatcher.process().resident_bytes()?);
        }
        let grown = peak - before;
        say(&format!(
            "with {} MiB waiting, the dispatcher grew by {grown} bytes",
            (WAITING as usize * BODY_BYTES) >> 20
        ));
        assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes");
        cut.link.read_on();
        cut.destination.receives_number(WAITING).await?;
        Ok(())
    })
    .await;
}
