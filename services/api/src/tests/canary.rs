//! Canaries: kept once however many copies send them, and shown with what became of them.

use std::collections::HashSet;

use model::fact::{Ending, Fact};
use model::{BucketId, EventId, GroupId, OutputId, canary};
use serde_json::{Value, json};
use store::fact::CursorKey;

use super::house::{Client, House, eventually};

/// A bucket with a canary and an output; returns its path and their ids.
async fn bucket(client: &Client) -> (String, BucketId, OutputId) {
    let made = client.post("/v1/buckets", json!({ "name": "demo", "canary_seconds": 10 })).await.json(201);
    assert_eq!(made["canary_seconds"], 10);
    let path = format!("/v1/buckets/{}", made["id"].as_str().unwrap());
    let output = client.post(&format!("{path}/outputs"), json!({ "destination": "http://a.example" })).await.json(201);
    let id = |of: &Value| of["id"].as_str().unwrap().to_owned();
    (path, id(&made).parse().unwrap(), id(&output).parse().unwrap())
}

#[tokio::test]
async fn it_is_kept_once_whoever_sends_it_and_shows_when_it_returned() {
    let house = House::new().await;
    let (client, copy) = (house.client(1).await, house.client(1).await);
    let (path, bucket, output) = bucket(&client).await;
    let shown = async || client.get(&format!("{path}/canary")).await.json(200);
    assert_eq!(shown().await, json!({ "every_seconds": 10, "last_returned": null, "canaries": [] }));
    eventually("one is sent", async || shown().await["canaries"] != json!([])).await;
    let sent = shown().await;
    let one = &sent["canaries"][0];
    assert_eq!((&one["returned"], &sent["last_returned"]), (&json!(false), &Value::Null));
    assert_eq!((&one["outputs"][0]["output_id"], &one["outputs"][0]["status"]), (&json!(output), &json!("received")));
    let event = one["event_id"].as_str().unwrap().parse().unwrap();
    let log = client.get(&format!("/v1/logs/{}", one["outputs"][0]["log_id"].as_str().unwrap())).await.json(200);
    assert_eq!(log["headers"][canary::HEADER], json!(["true"]));

    // Another copy that sends it too, a moment later.
    let record = copy.store.directory().bucket(bucket).unwrap().record;
    let due_at = EventId::received_at(&event);
    crate::canary::send(&copy.store, record, due_at).await;
    let last = client.store.events().last(bucket, false).await.unwrap().unwrap();
    let mut kept = HashSet::new();
    for place in 1..=last {
        let stored = client.store.events().at(bucket, false, place).await.unwrap().unwrap();
        assert!(kept.insert(stored.event), "it is in the log twice");
    }

    let key = CursorKey { bucket, output, group: GroupId::PUBLIC, ephemeral: false };
    let ended = Fact::DeliveryEnded { event, at: crate::write::now(), ending: Ending::Sent, reason: None };
    client.store.facts().append(&key, &[ended]).await.unwrap();
    eventually("it shows that it returned", async || shown().await["last_returned"] == one["sent_at"]).await;

    client.put(&path, json!({ "canary_seconds": 0 })).await.json(200);
    assert_eq!(shown().await, json!({ "every_seconds": 0, "last_returned": null, "canaries": [] }));
}
