//! What is damaged where it is stored ends visibly, and holds up nothing else.

use anyhow::{Context, Result};
use async_nats::HeaderMap;
use async_nats::jetstream;
use e2e::wait::{holds, until};
use e2e::{World, story};
use model::EventId;
use model::fact::{Ending, Fact};
use model::reason::Reason;
use serde_json::json;
use uuid::Uuid;

use crate::metrics::{free_address, metrics};
use crate::straight::{Straight, send};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_in_the_log_holds_nobody_up() {
    story(async |world: &World| {
        let (_reserved, address) = free_address()?;
        let plan = world.server("relay").args(["--metrics-addr", &address.to_string()]);
        let mut straight = Straight::on(plan, world, json!({}), json!({})).await?;
        straight.send_through(1).await?;
        straight.until_sent(1).await?;
        let context = jetstream::new(straight.server.nats()?.connect().await?);
        let message = straight.log.last_event(straight.bucket.id).await?.context("no events")?;
        let subject = message.subject.to_string();
        let publish = async |subject: String, headers: HeaderMap, payload: Vec<u8>| -> Result<()> {
            context.publish_with_headers(subject, headers, payload.into()).await?.await?;
            Ok(())
        };
        let as_event = |id: Uuid| {
            let mut headers = message.headers.clone();
            headers.insert("Nats-Msg-Id", id.to_string());
            headers
        };

        // No event at all; an event's bytes under another's name; one with a flipped bit, one cut off,
        // one of a version that is not known, one under a key that never was.
        publish(subject.clone(), HeaderMap::new(), b"stranger".to_vec()).await?;
        let ids: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
        let whole = message.payload.to_vec();
        let changed = |place: usize, to: u8| {
            let mut bytes = whole.clone();
            bytes[place] ^= to;
            bytes
        };
        let last = whole.len() - 1;
        let damaged = [whole.clone(), changed(last, 1), whole[..50].to_vec(), changed(2, 3), changed(8, 0x40)];
        for (id, payload) in ids.iter().zip(damaged) {
            publish(subject.clone(), as_event(*id), payload).await?;
        }
        straight.send_through(2).await?;

        straight.log.until_ended(straight.bucket.id, straight.output, Ending::Failed, ids.len()).await?;
        let facts = straight.log.facts(straight.bucket.id).await?;
        for id in ids {
            let ended = facts.iter().find(|line| line.fact.event() == EventId(id)).context("it has no fact")?;
            let why = matches!(ended.fact, Fact::DeliveryEnded { reason: Some(Reason::Unreadable), .. });
            assert!(why, "{:?}", ended.fact);
        }
        assert_eq!(straight.destination.count(), 2, "nothing damaged was delivered");

        // Facts that cannot be read, and the cursor is folded anew by another process.
        let fact = format!(
            "fact.{}.{}.{}.{}",
            subject.split('.').nth(1).context("no shard")?,
            straight.bucket.id.0.simple(),
            straight.output.0.simple(),
            facts.first().context("no facts")?.group.0.simple()
        );
        publish(fact, HeaderMap::new(), b"\xff\xff no facts".to_vec()).await?;
        straight.server.kill().await?;
        straight.server.start_again().await?;
        straight.send_through(3).await?;
        let expected = ["relay_unreadable_total{what=\"fact\"}", "relay_unreadable_total{what=\"event\"}"];
        until("what cannot be read is counted", async || {
            let text = metrics(address).await?;
            let count = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
            Ok(holds(count(expected[0]) > Some(0) && count(expected[1]).is_some()))
        })
        .await?;
        let log = straight.server.process().log()?;
        assert!(log.contains("a message of facts cannot be read"), "{log}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_in_the_log_is_passed_over_by_lists_and_workers() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("jobs", json!({})).await?;
        send(&server, &bucket, [1]).await?;
        let context = jetstream::new(server.nats()?.connect().await?);
        let message = server.log().await?.last_event(bucket.id).await?.context("no events")?;
        let damaged = Uuid::now_v7();
        let mut headers = message.headers.clone();
        headers.insert("Nats-Msg-Id", damaged.to_string());
        let mut payload = message.payload.to_vec();
        *payload.last_mut().context("no bytes")? ^= 1;
        context.publish_with_headers(message.subject.to_string(), headers, payload.into()).await?.await?;
        send(&server, &bucket, [2]).await?;

        let list = "/v1/logs?bucket=jobs";
        let page = until("all are in the logs", async || {
            let page = api.call("GET", list, &json!(null), 200).await?;
            Ok((page["total"] == 3).then_some(page))
        })
        .await?;
        let bodies = page["data"].as_array().context("no data")?.iter().map(|log| log["body"].as_str());
        assert_eq!(
            bodies.map(|body| body.is_some_and(|body| !body.is_empty())).collect::<Vec<_>>(),
            [true, false, true]
        );
        let id = page["data"][1]["id"].as_str().context("no id")?;

        let taken = api.call("GET", "/v1/events?bucket=jobs", &json!(null), 200).await?;
        assert_eq!(taken["logs"].as_array().map(Vec::len), Some(2), "{taken}");
        until("it has failed", async || {
            let log = api.call("GET", &format!("/v1/logs/{id}"), &json!(null), 200).await?;
            Ok(holds(log["status"] == "failed" && log["reason"] == Reason::Unreadable.text()))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_of_the_directory_takes_nothing_else_away() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let other = straight.api.make_bucket("other", json!({})).await?;
        let output = straight.api.make_output(&other, &straight.destination.url("/other"), json!({})).await?;
        let _agent = world.agent("other").token(&straight.token).server(&straight.server).serves("other").start()?;
        let context = jetstream::new(straight.server.nats()?.connect().await?);
        let directory = context.get_key_value("directory").await?;
        let path = |kind: &str, id: Uuid| format!("{kind}.{}.{}", other.id.0.simple(), id.simple());

        // The output: events are due to it all the same.
        let kept = directory.get(path("output", output.0)).await?.context("no output")?;
        directory.put(path("output", output.0), "damaged".into()).await?;
        straight.server.kill().await?;
        straight.server.start_again().await?;
        assert_eq!(straight.server.caller().post(other.input, b"7").await?.status, 200);
        straight.send_through(2).await?;
        let directory = jetstream::new(straight.server.nats()?.connect().await?).get_key_value("directory").await?;
        directory.put(path("output", output.0), kept).await?;
        straight.destination.receives(3).await?;

        // The input: its webhooks are not taken for nobody's.
        directory.put(path("input", other.input.0), "damaged".into()).await?;
        straight.server.kill().await?;
        straight.server.start_again().await?;
        assert_eq!(straight.server.caller().post(other.input, b"8").await?.status, 503);
        straight.send_through(4).await.map(drop)
    })
    .await;
}
