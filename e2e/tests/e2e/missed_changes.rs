//! What was made a moment ago is there for everybody, also for who has not heard of it: a watch
//! whose consumer is gone says nothing for seconds.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use async_nats::jetstream::{self, stream::Stream};
use e2e::wait::{holds, until};
use e2e::{Destination, Log, Server, Spread, World, story};
use futures_util::TryStreamExt;
use serde_json::json;

use crate::straight::send;

/// The stream of everything that people configured.
const DIRECTORY: &str = "KV_directory";

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_the_ingress_has_not_heard_of_takes_webhooks() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        let log = Log::open(relay.nats.access()).await?;
        deafen(&relay.nats.access().connect().await?, [&mut relay.ingress]).await?;
        let bucket = relay.rest()?.make_bucket("deploys", json!({})).await?;
        send(&relay.ingress, &bucket, [1]).await?;
        // It stops at once: what it has answered it settles first.
        relay.ingress.process().terminate()?;
        until("the webhook is in its bucket", async || Ok(holds(log.events(bucket.id).await? == 1))).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_large_to_be_held_is_sent_again() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        let log = Log::open(relay.nats.access()).await?;
        deafen(&relay.nats.access().connect().await?, [&mut relay.ingress]).await?;
        let bucket = relay.rest()?.make_bucket("deploys", json!({})).await?;
        let body = vec![b'x'; 2 * 1024 * 1024];
        let input = bucket.input;
        let head = format!("POST /v1/webhooks/{input} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        let webhook = [head.as_bytes(), &body].concat();
        assert_eq!(relay.ingress.caller().send("POST", &webhook).await?.status, 503);
        assert_eq!(relay.ingress.caller().send("POST", &webhook).await?.status, 200);
        assert_eq!(log.events(bucket.id).await?, 1);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_and_a_bucket_that_nobody_has_heard_of_let_an_agent_in() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        let Spread { nats, auth, dispatcher, .. } = &mut relay;
        deafen(&nats.access().connect().await?, [auth, dispatcher]).await?;
        let (api, destination) = (relay.rest()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = world.agent("agent").token(&token).servers(&relay.dispatcher, &relay.api).serves("deploys");
        let mut agent = agent.start()?;
        api.make_output(&bucket, &destination.url("/hook"), json!({})).await?;
        send(&relay.ingress, &bucket, [1]).await?;
        destination.receives_number(1).await?;
        ensure!(agent.process_mut().is_running()?, "the agent was turned away");
        Ok(())
    })
    .await;
}

/// Starts these servers again, and takes away what tells them of changes.
async fn deafen<const N: usize>(client: &async_nats::Client, servers: [&mut Server; N]) -> Result<()> {
    let mut directory = jetstream::new(client.clone()).get_stream(DIRECTORY).await?;
    let others = watches(&mut directory).await?;
    for server in servers {
        server.kill().await?;
        server.start_again().await?;
        server.until_ready().await?;
    }
    let theirs: Vec<_> = watches(&mut directory).await?.difference(&others).cloned().collect();
    ensure!(theirs.len() == N, "each follows the directory once: {theirs:?}");
    for watch in theirs {
        directory.delete_consumer(&watch).await?;
    }
    Ok(())
}

async fn watches(directory: &mut Stream) -> Result<BTreeSet<String>> {
    Ok(directory.consumer_names().try_collect().await?)
}
