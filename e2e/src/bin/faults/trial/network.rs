//! An agent at the end of a narrow cable, which is pulled for a while: all arrives, later.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::netns::Namespace;
use e2e::wait::{holds, until};
use e2e::{Destination, Link, World};
use serde_json::json;

use super::account;
use super::traffic::Traffic;

/// How much passes each way.
const RATE: &str = "1mbit";
/// How long the cable is out: longer than two heartbeats.
const PULLED: Duration = Duration::from_secs(30);
/// How many webhooks are accepted at least, from one step to the next.
const BETWEEN: u64 = 300;
/// From one webhook of a sender to its next.
const PAUSE: Duration = Duration::from_millis(40);

pub(super) async fn run() -> Result<String> {
    let world = World::new()?;
    let namespace = Namespace::make()?;
    namespace.narrow(RATE)?;
    let server = world.server("relay").start().await?;
    let api = server.api()?;
    let destination = Destination::start()?;
    // From inside, this machine's loopback is out of reach.
    let to_relay = Link::at(namespace.host(), vec![server.address()]).await?;
    let to_destination = Link::at(namespace.host(), vec![destination.address()]).await?;
    let bucket = api.make_bucket("deploys", json!({})).await?;
    api.make_output(&bucket, &format!("{}/", to_destination.url()), json!({})).await?;
    let token = api.make_token(json!({})).await?;
    let agent = world.agent("agent").token(&token).server(&server).serves("deploys").args(["--insecure-plaintext"]);
    let agent = agent.env("RELAY_API_ADDRESS", &to_relay.url()).env("RELAY_GRPC_API_ADDRESS", &to_relay.url());
    let _agent = agent.start_in(&namespace)?;
    let traffic = Traffic::start(|| server.caller(), bucket.input, PAUSE);
    traffic.is_accepted(BETWEEN).await?;
    destination.receives_number(traffic.accepted()).await?;

    namespace.pull()?;
    tokio::time::sleep(PULLED).await;
    let plugged = Instant::now();
    namespace.plug()?;
    let count = destination.count();
    destination.receives(count + 1).await?;
    let back = plugged.elapsed().as_secs_f32();
    traffic.is_accepted(BETWEEN).await?;

    let ledger = traffic.stop().await?.ledger;
    until("everything accepted has arrived", async || Ok(holds(ledger.is_covered_by(&destination.arrivals())))).await?;
    let caught_up = plugged.elapsed().as_secs_f32();
    let account = account(&ledger.close(&destination.arrivals()))?;
    Ok(format!(
        "{account}; the first came {back:.1} s after the cable was back, the last that had waited within {caught_up:.1} s"
    ))
}
