//! What an output's policy does to its deliveries, from the REST API to the destination.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Arrival, Reply, World, story};
use model::EventId;
use model::fact::{Ending, Fact};
use model::reason::Reason;
use model::request::Request;
use serde_json::{Value, json};
use store::event::{Meta, Target};
use uuid::{NoContext, Timestamp, Uuid};

use crate::keys;
use crate::straight::Straight;

/// An answer with this status that asks to be left alone for so many seconds.
fn busy(status: u16, seconds: u64) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {status} Busy\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

/// Replies to the first attempts like this, and to those after with 200.
fn first(count: usize, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> impl Fn(&Arrival) -> Reply {
    let came = Arc::new(AtomicUsize::new(0));
    move |_| match came.fetch_add(1, Ordering::SeqCst) {
        n if n < count => reply(n),
        _ => Reply::Status(200),
    }
}

fn numbers(arrivals: &[Arrival]) -> Vec<u64> {
    arrivals.iter().filter_map(Arrival::number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_left_alone_for_as_long_as_it_asks() {
    story(async |world: &World| is_left_alone(world, json!({})).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_left_alone_although_nothing_of_its_answers_is_kept() {
    story(async |world: &World| is_left_alone(world, json!({"ephemeral": true})).await).await;
}

async fn is_left_alone(world: &World, bucket: Value) -> anyhow::Result<()> {
    let straight = Straight::with(world, bucket, json!({})).await?;
    straight.destination.replies(first(1, |_| busy(429, 4)));
    straight.send([1]).await?;
    straight.until_sent(1).await?;
    let arrivals = straight.destination.arrivals();
    assert_eq!(arrivals.len(), 2);
    // The backoff alone would have been a second at most.
    assert!(arrivals[1].at - arrivals[0].at >= Duration::from_secs(3), "{:?}", arrivals[1].at - arrivals[0].at);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_of_its_owner_is_kept_and_then_the_delivery_has_failed() {
    let durability = json!({"enabled": true, "schedule": "custom", "custom_delays": [100_000_000, 3_000_000_000_u64]});
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), json!({"durability": durability})).await?;
        straight.destination.replies(|_| Reply::Status(500));
        straight.send([1]).await?;
        straight.log.until_ended(straight.bucket.id, straight.output, Ending::Failed, 1).await?;
        let arrivals = straight.destination.arrivals();
        assert_eq!(arrivals.len(), 3);
        assert!(arrivals[2].at - arrivals[1].at >= Duration::from_secs(2));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_survives_the_server_and_arrives_when_it_is_due() {
    // Parked at once, because it holds no place after a nanosecond.
    let delays = json!([8_000_000_000_u64]);
    let durability = json!({"enabled": true, "schedule": "custom", "custom_delays": delays, "handoff_after": 1});
    story(async |world: &World| {
        let mut straight = Straight::with(world, json!({}), json!({"durability": durability})).await?;
        straight.destination.replies(first(1, |_| Reply::Status(500)));
        straight.send([1]).await?;
        straight.destination.receives(1).await?;
        e2e::wait::until("the failure is in the log", async || {
            Ok(e2e::wait::holds(!straight.log.facts(straight.bucket.id).await?.is_empty()))
        })
        .await?;
        straight.send_through(2).await?;
        straight.until_sent(1).await?;
        straight.server.kill().await?;
        straight.server.start_again().await?;
        // Its NATS has another password now.
        straight.log = straight.server.log().await?;

        straight.until_sent(2).await?;
        let arrivals = straight.destination.arrivals();
        assert_eq!(numbers(&arrivals), [1, 2, 1]);
        assert_eq!(arrivals[2].attempt(), Some(2));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_does_not_expire_because_the_clock_of_its_ingress_was_behind() {
    let durability = json!({"enabled": true, "schedule": "custom", "custom_delays": [600_000_000_000_u64]});
    story(async |world: &World| {
        let mut straight = Straight::with(world, json!({}), json!({"durability": durability})).await?;
        straight.destination.replies(|_| Reply::Status(500));
        let masters = std::fs::read_to_string(straight.server.data_dir().join("master.key"))?;
        let store = keys::open(&straight.server.nats()?, masters.parse()?).await?;
        store.directory().loaded().await;
        // As an ingress whose clock is a day behind would take it.
        let then = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs() - 24 * 3600;
        let event = EventId(Uuid::new_v7(Timestamp::from_unix(NoContext, then, 0)));
        let to = Target::Bucket { bucket: straight.bucket.id, ephemeral: false };
        let meta = Meta { outputs: Some(vec![straight.output]), ..Meta::default() };
        let webhook = Request { method: "POST".into(), ..Request::default() };
        store.events().append(to, event, straight.bucket.input, &meta, &webhook).await?;
        straight.destination.receives(1).await?;
        e2e::wait::until("the failure is in the log", async || {
            Ok(e2e::wait::holds(!straight.log.facts(straight.bucket.id).await?.is_empty()))
        })
        .await?;
        straight.agent.kill().await?;
        // Then who looks after cursors without agents alone knows of it.
        straight.server.kill().await?;
        straight.server.start_again().await?;
        e2e::wait::until("it waits", async || {
            let groups = straight.api.call("GET", "/v1/groups", &Value::Null, 200).await?;
            Ok(e2e::wait::holds(groups[0]["sessions"] == 0 && groups[0]["waiting"] == 1))
        })
        .await?;
        let log = straight.server.log().await?;
        let endings = log.endings(straight.bucket.id, straight.output).await?;
        assert!(endings.is_empty(), "{endings:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_strict_order_nothing_overtakes_what_failed() {
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), json!({"order": "strict"})).await?;
        straight.destination.replies(first(2, |_| Reply::Status(500)));
        straight.send(1..=20).await?;
        straight.until_sent(20).await?;
        let expected: Vec<u64> = [1, 1].into_iter().chain(1..=20).collect();
        assert_eq!(numbers(&straight.destination.arrivals()), expected);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_are_under_way_at_once_than_the_throttle_allows() {
    const AT_ONCE: u64 = 3;
    let throttle = json!({"enabled": true, "mode": "concurrency", "max_concurrent": AT_ONCE});
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), json!({"throttle": throttle})).await?;
        let slow = Duration::from_millis(200);
        straight.destination.replies(move |_| Reply::Late(slow, 200));
        straight.send(1..=30).await?;
        straight.until_sent(30).await?;
        let arrivals = straight.destination.arrivals();
        // Each is answered no earlier than that after it came; so one more may come only then.
        for window in arrivals.windows(usize::try_from(AT_ONCE)? + 1) {
            let (first, last) = (&window[0], &window[window.len() - 1]);
            assert!(last.at - first.at >= slow, "{:?}", last.at - first.at);
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_keep_back_is_rejected_and_says_why() {
    let rules = json!({"match": {"type": "regex", "regex": "^[13]", "parameter": {"source": "body"}}});
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), json!({"rules": rules})).await?;
        straight.send(1..=3).await?;
        straight.until_sent(2).await?;
        straight.log.until_ended(straight.bucket.id, straight.output, Ending::Rejected, 1).await?;
        assert_eq!(numbers(&straight.destination.arrivals()), [1, 3]);
        let facts = straight.log.facts(straight.bucket.id).await?;
        let rejected = facts.iter().find_map(|line| match line.fact {
            Fact::DeliveryEnded { reason, .. } => Some(reason),
            Fact::AttemptFinished { .. } | Fact::Reported { .. } => None,
        });
        assert_eq!(rejected, Some(Some(Reason::Rules)));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_only_fails_is_paused_until_its_owner_sets_it_free() {
    let circuit = json!({"failures": 2, "open_seconds": 1, "pause_after_seconds": 2});
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), json!({"circuit": circuit})).await?;
        straight.destination.replies(|_| Reply::Status(500));
        straight.send([1]).await?;
        let path = format!("/v1/buckets/{}/outputs", straight.bucket.id);
        e2e::wait::until("the output is paused", async || {
            let outputs = straight.api.call("GET", &path, &Value::Null, 200).await?;
            Ok(e2e::wait::holds(!outputs[0]["paused"].is_null()))
        })
        .await?;
        straight.destination.replies(|_| Reply::Status(200));
        straight.api.change_output(&straight.bucket, straight.output, json!({"paused": null})).await?;
        straight.until_sent(1).await
    })
    .await;
}
