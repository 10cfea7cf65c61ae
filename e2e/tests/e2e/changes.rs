//! Changes of the configuration act everywhere, while everything runs.

use std::time::Instant;

use anyhow::Result;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Destination, World, story};
use serde_json::json;

use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_output_gets_events_without_a_restart() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(0).await?;
        let second = Destination::start()?;
        let changed = Instant::now();
        straight.api.make_output(&straight.bucket, &second.url("/"), json!({"name": "second"})).await?;
        sends_until(&straight, || second.count() > 0).await?;
        say(&format!("a new output gets events after {:.2} s", changed.elapsed().as_secs_f32()));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_moves_is_called_at_its_new_place() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(0).await?;
        let place = Destination::start()?;
        let changed = Instant::now();
        let change = json!({"destination": place.url("/new")});
        straight.api.change_output(&straight.bucket, straight.output, change).await?;
        sends_until(&straight, || place.count() > 0).await?;
        say(&format!("an output that moved is called there after {:.2} s", changed.elapsed().as_secs_f32()));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_output_gets_nothing_until_it_is_enabled() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let second = Destination::start()?;
        let output = straight.api.make_output(&straight.bucket, &second.url("/"), json!({"name": "second"})).await?;
        sends_until(&straight, || second.count() > 0).await?;
        straight.api.change_output(&straight.bucket, output, json!({"disabled": true})).await?;
        // It acts when a webhook reaches one output and not the other.
        let mut number = 1000;
        until("the disabled output gets nothing", async || {
            number += 1;
            let before = second.count();
            straight.send_through(number).await?;
            straight.send_through(number + 1000).await?;
            Ok(holds(second.count() == before))
        })
        .await?;

        straight.api.change_output(&straight.bucket, output, json!({"disabled": false})).await?;
        let before = second.count();
        sends_until(&straight, || second.count() > before).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_input_takes_nothing_and_answers_as_before() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(0).await?;
        let path = format!("/v1/buckets/{}/inputs/{}", straight.bucket.id, straight.bucket.input);
        straight.api.call("DELETE", &path, &json!(null), 200).await?;
        until("webhooks are kept no more", async || {
            let before = straight.log.events(straight.bucket.id).await?;
            straight.send([1]).await?;
            Ok(holds(straight.log.events(straight.bucket.id).await? == before))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_through_one_process_acts_in_all_others() {
    story(async |world: &World| {
        let relay = world.spread().await?;
        let destination = Destination::start()?;
        let api = relay.rest()?;
        let token = api.make_token(json!({})).await?;
        let _agent = world.agent("agent").token(&token).servers(&relay.dispatcher, &relay.api).serves_all().start()?;
        let changed = Instant::now();
        let bucket = api.make_bucket("made-later", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        until("a webhook goes the whole way", async || {
            relay.caller().post(bucket.input, b"1").await?;
            Ok(holds(destination.count() > 0))
        })
        .await?;
        say(&format!("a new bucket works through every process after {:.2} s", changed.elapsed().as_secs_f32()));
        Ok(())
    })
    .await;
}

async fn sends_until(straight: &Straight, mut condition: impl FnMut() -> bool) -> Result<()> {
    until("a webhook shows the change", async || {
        straight.send([500]).await?;
        Ok(holds(condition()))
    })
    .await
}
