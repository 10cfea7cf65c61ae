//! The broker has no room left, and is given more.

use anyhow::Result;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Caller, Destination, World, story};
use model::InputId;
use serde_json::json;
use uuid::Uuid;

use crate::straight::send;

/// What the broker still takes.
const LEFT_BYTES: u64 = 400_000;
const BODY_BYTES: usize = 40_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_broker_is_answered_503_until_it_has_room() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        let (api, destination) = (relay.rest()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = world.agent("agent").token(&token).servers(&relay.dispatcher, &relay.api);
        let _agent = agent.serves("deploys").start()?;
        let ledger = send(&relay.ingress, &bucket, [0]).await?;
        destination.receives_number(0).await?;

        let kept = relay.nats.kept_bytes().await?;
        relay.nats.limit(kept + LEFT_BYTES);
        relay.nats.kill().await?;
        relay.nats.start_again().await?;
        let (mut accepted, mut caller) = (0, relay.caller());
        until("the broker is full", async || {
            let status = post(&mut caller, bucket.input).await?;
            accepted += usize::from(status == 200);
            Ok(holds(status == 503 && accepted > 0))
        })
        .await?;
        // Who asks for an input that does not exist is told the same.
        let unknown = InputId(Uuid::new_v4());
        until("unknown inputs are refused too", async || Ok(holds(post(&mut caller, unknown).await? == 503))).await?;
        until("readiness says so", async || Ok(holds(relay.ingress.status("/readyz").await == Some(503)))).await?;

        relay.nats.raise_limit()?;
        relay.ingress.until_ready().await?;
        let mut ledger = ledger;
        ledger.merge(send(&relay.ingress, &bucket, [1]).await?);
        destination.receives_number(1).await?;
        let arrived = destination.receives(2 + accepted).await?;
        say(&format!("{accepted} were accepted before the broker was full; {} arrived", arrived.len()));
        Ok(())
    })
    .await;
}

async fn post(caller: &mut Caller, input: InputId) -> Result<u16> {
    Ok(caller.post(input, &[b'x'; BODY_BYTES]).await?.status)
}
