//! How groups stand, as their owner sees it, and what callers are told when a queue is full.

use anyhow::Result;
use e2e::socket::{Heard, Socket};
use e2e::wait::{holds, until};
use e2e::{Api, Destination, Reply, World, story};
use serde_json::{Value, json};

use crate::straight::Straight;

/// Waits until the only group of the account stands like this.
async fn until_group(api: &Api, what: &str, stands: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut last = Value::Null;
    let waited = until(what, async || {
        last = api.call("GET", "/v1/groups", &Value::Null, 200).await?;
        assert!(last.as_array().is_some_and(|groups| groups.len() <= 1), "{last}");
        Ok(stands(&last[0]).then(|| last[0].clone()))
    });
    let group = waited.await;
    group.map_err(|error| error.context(format!("it stands like this: {last}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shows_its_lag_and_its_last_delivery_whether_it_has_an_agent_or_not() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let group = until_group(&straight.api, "the delivery shows", |group| !group["last_sent_at"].is_null()).await?;
        assert_eq!((&group["sessions"], &group["waiting"]), (&json!(1), &json!(0)));
        assert_eq!(group["oldest_at"], Value::Null);
        let last_sent_at = group["last_sent_at"].clone();

        straight.agent.kill().await?;
        straight.send(2..=40).await?;
        let dead = |group: &Value| group["sessions"] == 0 && group["waiting"] == 39;
        let group = until_group(&straight.api, "the lag of the dead subscription shows", dead).await?;
        assert_eq!(group["last_sent_at"], last_sent_at);
        assert!(group["oldest_at"].as_u64() >= last_sent_at.as_u64(), "{group}");

        // It is not forgotten with the process that knew it.
        straight.server.kill().await?;
        straight.server.start_again().await?;
        let group = until_group(&straight.api, "it shows again", dead).await?;
        assert_eq!(group["last_sent_at"], last_sent_at);

        straight.agent.start_again()?;
        until_group(&straight.api, "all is well", |group| {
            group["sessions"] == 1 && group["waiting"] == 0 && group["last_sent_at"].as_u64() >= last_sent_at.as_u64()
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_fails_shows_how_many_wait_behind_it() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.destination.replies(|_| Reply::Status(500));
        straight.send(1..=100).await?;
        let group = until_group(&straight.api, "the circuit is open and all wait", |group| {
            group["circuit_open"] == true && group["waiting"] == 100
        })
        .await?;
        assert!(group["failures"].as_u64() >= Some(5) && group["oldest_at"].is_u64(), "{group}");
        straight.destination.replies(|_| Reply::Status(200));
        until_group(&straight.api, "nothing waits", |group| {
            group["circuit_open"] == false && group["waiting"] == 0 && group["failures"] == 0
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_a_full_queue_are_told_to_come_again_until_there_is_room() {
    let throttle = json!({"enabled": true, "mode": "concurrency", "max_concurrent": 2, "max_queue_depth": 20});
    story(async |world: &World| {
        let server = world.server("relay").args(["--allow-private-outputs", "127.0.0.0/8"]).start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let mut destination = Destination::refusing()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let more = json!({"throttle": throttle, "retries": 1000});
        let output = api.make_public_output(&bucket, &destination.url("/"), more).await?;

        let (mut caller, mut accepted) = (server.caller(), 0);
        let refused = until("the queue is full", async || {
            let answer = caller.post(bucket.input, b"1").await?;
            accepted += usize::from(answer.status == 200);
            Ok((answer.status != 200).then_some(answer))
        })
        .await?;
        assert_eq!(refused.status, 429);
        assert!(refused.header("Retry-After").is_some());
        assert!(accepted >= 20, "{accepted} were accepted");

        destination.open()?;
        until("the queue has room", async || {
            let answer = caller.post(bucket.input, b"1").await?;
            accepted += usize::from(answer.status == 200);
            Ok(holds(answer.status == 200))
        })
        .await?;
        log.until_ended(bucket.id, output, model::fact::Ending::Sent, accepted).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_on_a_bucket_without_outputs_shows_too() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let mut socket = Socket::subscribed(server.address(), &token, &json!(["deploys"])).await?;
        // It takes the webhook, and never says so.
        socket.pongs = false;
        assert_eq!(server.caller().post(bucket.input, b"1").await?.status, 200);
        let shown = async {
            let waits = |group: &Value| group["sessions"] == 1 && group["waiting"] == 1;
            until_group(&api, "what is not confirmed waits", waits).await.map(drop)
        };
        tokio::select! {
            shown = shown => shown?,
            () = async { while matches!(socket.hear().await, Ok(Heard::Frame(_))) {} } => anyhow::bail!("it was closed"),
        }
        // Nobody confirms it any more, and it waits for the next socket.
        socket.close().await?;
        until_group(&api, "it waits", |group| group["sessions"] == 0 && group["waiting"] == 1).await?;
        Ok(())
    })
    .await;
}
