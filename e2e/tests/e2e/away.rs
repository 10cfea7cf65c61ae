//! The agent goes away and comes back: everything unsent within the window arrives, in order, once.

use std::time::{Duration, Instant};

use e2e::wait::{holds, until};
use e2e::{Arrival, Destination, Ledger, World, story};
use model::fact::Ending;
use serde_json::json;

use crate::straight::{Straight, send};

/// How many webhooks come while the agent is away.
const AWAY: u64 = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_wait_for_the_agent() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(0).await?;
        straight.until_sent(1).await?;
        straight.agent.kill().await?;

        let ledger = straight.send(1..=AWAY).await?;
        assert_eq!(straight.destination.take().len(), 1, "nothing arrives without an agent");
        straight.agent.start_again()?;

        straight.destination.receives_number(AWAY).await?;
        straight.send_through(AWAY + 1).await?;
        check_once_and_in_order(&ledger, &straight.destination);
        let all = usize::try_from(AWAY)? + 2;
        straight.until_sent(all).await?;
        assert_eq!(straight.log.events(straight.bucket.id).await?, all, "the log has what was accepted, and no more");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_another_dispatcher_from_another_host_after_nats_was_restarted() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        let api = relay.rest()?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = |name: &str| world.agent(name).token(&token).serves("deploys").group("pods");
        let mut first = agent("pod-1").servers(&relay.dispatcher, &relay.api).start()?;
        let mut ledger = send(&relay.ingress, &bucket, [0]).await?;
        let log = relay.log().await?;
        log.until_ended(bucket.id, output, Ending::Sent, 1).await?;
        first.kill().await?;
        relay.dispatcher.kill().await?;

        ledger.merge(send(&relay.ingress, &bucket, 1..=AWAY / 2).await?);
        relay.nats.kill().await?;
        relay.nats.start_again().await?;
        ledger.merge(send(&relay.ingress, &bucket, AWAY / 2 + 1..=AWAY).await?);
        let other = world.server_around(&relay.nats, "dispatcher-2", "dispatcher").start().await?;
        let _second = agent("pod-2").servers(&other, &relay.api).start()?;

        destination.receives_number(AWAY).await?;
        ledger.merge(send(&relay.ingress, &bucket, [AWAY + 1]).await?);
        destination.receives_number(AWAY + 1).await?;
        check_once_and_in_order(&ledger, &destination);
        log.until_ended(bucket.id, output, Ending::Sent, log.events(bucket.id).await?).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_window_is_expired_and_says_so() {
    const WINDOW: Duration = Duration::from_secs(2);
    story(async |world: &World| {
        let mut straight = Straight::with(world, json!({"window_seconds": WINDOW.as_secs()}), json!({})).await?;
        straight.send_through(0).await?;
        straight.until_sent(1).await?;
        straight.agent.kill().await?;

        straight.send(1..=5).await?;
        let sent = Instant::now();
        until("the window has passed", async || Ok(holds(sent.elapsed() > WINDOW))).await?;
        straight.agent.start_again()?;

        straight.log.until_ended(straight.bucket.id, straight.output, Ending::Expired, 5).await?;
        straight.send_through(6).await?;
        let numbers: Vec<u64> = straight.destination.arrivals().iter().filter_map(Arrival::number).collect();
        assert_eq!(numbers, [0, 6], "what is expired does not arrive");
        Ok(())
    })
    .await;
}

fn check_once_and_in_order(ledger: &Ledger, destination: &Destination) {
    ledger.close(&destination.arrivals()).assert_once_and_in_order();
}
