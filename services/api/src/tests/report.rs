//! What clients do to logs: they report, and have webhooks sent again.

use model::fact::{Ending, Next, Outcome};
use model::{DeliveryId, EventId, OutputId};
use serde_json::{Value, json};
use store::event::{Meta, Target};
use uuid::Uuid;

use super::house::{House, eventually};
use super::log::{Bench, attempt};

#[tokio::test]
async fn a_report_ends_a_delivery_and_its_answer_is_kept() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = bench.receive("1").await;
    let said = json!({
        "status_code": 201, "response_body": "YmFuYW5h", "response_headers": { "xkey": ["xvalue"], "y": "z" },
        "duration_ms": 7, "retries": 0, "id": "x", "bucket_id": "y",
    });
    bench.client.put(&bench.path(event), said).await.json(200);
    bench.until(event, "sent").await;
    let log = bench.log(event).await;
    assert_eq!((&log["status_code"], &log["duration_ms"]), (&json!(201), &json!(7)));
    assert_eq!(log["response_body"], "YmFuYW5h");
    assert_eq!(log["response_headers"], json!({ "xkey": ["xvalue"], "y": ["z"] }));
}

#[tokio::test]
async fn a_report_reaches_the_caller_who_waits() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let mut listener = bench.client.store.answers().listen().await.unwrap();
    let meta = Meta { answer_to: Some(listener.subject().to_owned()), ..Meta::default() };
    let event = bench.receive_with("1", meta, Some(vec![bench.output])).await;
    bench.client.put(&bench.path(event), json!({ "status_code": 418, "response_body": "YQ==" })).await.json(200);
    let given = listener.next().await.unwrap();
    assert_eq!((given.event, given.output), (event, bench.output));
    assert_eq!((given.answer.status, &given.answer.body[..]), (418, &b"a"[..]));
    bench.until(event, "failed").await;
}

#[tokio::test]
async fn a_report_may_say_nothing_and_may_not_come_late() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = bench.receive("1").await;
    bench.client.put(&bench.path(event), json!({})).await.json(200);
    bench
        .client
        .put(&bench.path(event), json!({ "status": "lost" }))
        .await
        .is(400, "status: is none that a log can have");
    assert_eq!(bench.log(event).await["status"], "received");

    let old = EventId(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, event.received_at().seconds() - 11, 0)));
    let (to, meta) = (Target::Bucket { bucket: bench.bucket, ephemeral: false }, Meta::default());
    let meta = Meta { outputs: Some(vec![bench.output]), ..meta };
    bench.client.store.events().append(to, old, bench.input, &meta, &Default::default()).await.unwrap();
    eventually("it is there", async || bench.client.get(&bench.path(old)).await.status == 200).await;
    let late = "a log can be changed only within 10 seconds of its receipt";
    bench.client.put(&bench.path(old), json!({ "status": "sent" })).await.is(400, late);
    // A client that was away has just been given it.
    bench.happens(1, attempt(old, 1, Outcome::Answered(200), Next::End(Ending::Sent))).await;
    bench.client.put(&bench.path(old), json!({ "status_code": 202 })).await.json(200);
    eventually("it says what its client did", async || bench.log(old).await["status_code"] == 202).await;
    let nobody = DeliveryId::of(event, OutputId::NONE);
    bench.client.put(&format!("/v1/logs/{nobody}"), json!({ "status": "sent" })).await.is(404, "log not found");
}

#[tokio::test]
async fn what_is_sent_again_is_an_event_of_its_own() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let event = bench.receive("again").await;
    bench.happens(7, attempt(event, 1, Outcome::Answered(404), Next::End(Ending::Failed))).await;
    bench.until(event, "failed").await;
    let path = format!("{}/action", bench.path(event));
    let second = json!({ "name": "second", "destination": "http://localhost/second", "internal": true });
    let second = bench.client.post(&format!("/v1/buckets/{}/outputs", bench.bucket), second).await.json(201);
    for (body, output) in [
        (json!({ "action": "resend" }), json!(bench.output)),
        (json!({ "action": "resend", "output": "second", "process_policy": "force" }), second["id"].clone()),
    ] {
        let done = bench.client.post(&path, body).await.json(200);
        let again = format!("/v1/logs/{}", done["id"].as_str().unwrap());
        eventually("it is there", async || bench.client.get(&again).await.status == 200).await;
        let log = bench.client.get(&again).await.json(200);
        assert_ne!(log["event_id"], json!(event));
        assert_eq!(
            (&log["origin_id"], &log["output_id"], &log["status"]),
            (&json!(event), &output, &json!("received"))
        );
        assert_eq!((&log["body"], &log["headers"]), (&json!("again"), &json!({ "X-One": ["1"] })));
    }
    bench.client.post(&path, json!({})).await.is(400, "action: must be resend");
    let other = json!({ "action": "resend", "output": "third" });
    bench.client.post(&path, other).await.is(404, "output not found");
    let odd = json!({ "action": "resend", "process_policy": "x" });
    bench.client.post(&path, odd).await.is(400, "process_policy: must be skip or force");
}

#[tokio::test]
async fn a_large_body_is_sent_again_whole() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let (event, to) = (EventId(Uuid::now_v7()), Target::Bucket { bucket: bench.bucket, ephemeral: false });
    let body = "abcdefgh".repeat(store::event::CHUNK_BYTES / 4 + 1);
    let events = bench.client.store.events();
    let mut sequences = Vec::new();
    for (index, piece) in (0..).zip(body.as_bytes().chunks(store::event::CHUNK_BYTES)) {
        sequences.push(events.append_chunk(to, event, index, piece).await.unwrap());
    }
    let body_bytes = body.len() as u64;
    let chunks = Some(model::request::Chunks { sequences });
    let request = model::request::Request { chunks, body_bytes, ..Default::default() };
    let meta = Meta { outputs: Some(vec![bench.output]), body_bytes, ..Meta::default() };
    events.append(to, event, bench.input, &meta, &request).await.unwrap();
    eventually("it is there", async || bench.client.get(&bench.path(event)).await.status == 200).await;
    assert_eq!(bench.list("").await.json(200)["data"][0]["body"], "", "too large for a page");
    let done =
        bench.client.post(&format!("{}/action", bench.path(event)), json!({ "action": "resend" })).await.json(200);
    let again = format!("/v1/logs/{}", done["id"].as_str().unwrap());
    eventually("it is there", async || bench.client.get(&again).await.status == 200).await;
    let log: Value = bench.client.get(&again).await.json(200);
    assert!(log["body"] == body.as_str() && log["body_bytes"] == body_bytes);
}

#[tokio::test]
async fn what_was_withheld_goes_to_the_outputs_once_it_is_asked_for() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let outputs = format!("/v1/buckets/{}/outputs", bench.bucket);
    let off = json!({ "name": "off", "destination": "http://localhost/off", "internal": true, "disabled": true });
    bench.client.post(&outputs, off).await.json(201);
    let event = bench.receive_with("1", Meta { withheld: true, ..Meta::default() }, Some(Vec::new())).await;
    let path = format!("/v1/logs/{}", DeliveryId::of(event, OutputId::NONE));
    assert_eq!(bench.client.get(&path).await.json(200)["status"], "rejected");
    let done = bench.client.post(&format!("{path}/action"), json!({ "action": "resend" })).await.json(200);
    let again = format!("/v1/logs/{}", done["id"].as_str().unwrap());
    eventually("it is there", async || bench.client.get(&again).await.status == 200).await;
    let log = bench.client.get(&again).await.json(200);
    assert_eq!((&log["output_id"], &log["status"]), (&json!(bench.output), &json!("received")));
    assert_eq!(bench.list("").await.json(200)["total"], 2, "nothing for the output that is disabled");
}

#[tokio::test]
async fn what_is_kept_in_memory_only_is_not_sent_again() {
    let house = House::new().await;
    let bench = Bench::with(&house, json!({ "ephemeral": true })).await;
    let event = bench.receive("1").await;
    let refused = bench.client.post(&format!("{}/action", bench.path(event)), json!({ "action": "resend" })).await;
    refused.is(400, "webhooks of an ephemeral bucket are not kept and cannot be sent again");
}
