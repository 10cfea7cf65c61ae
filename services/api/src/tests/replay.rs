//! Replays of many.

use model::fact::{Ending, Next, Outcome};
use serde_json::json;

use super::house::{House, eventually};
use super::log::{Bench, attempt};

#[tokio::test]
async fn a_replay_sends_again_what_its_filter_lets_through() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    let mut events = Vec::new();
    for n in 0..3 {
        events.push(bench.receive(&n.to_string()).await);
    }
    for event in &events[..2] {
        bench.happens(7, attempt(*event, 1, Outcome::Answered(404), Next::End(Ending::Failed))).await;
        bench.until(*event, "failed").await;
    }
    let asked = json!({ "bucket": "demo", "filters": { "status": "failed", "status_code": 404 }, "dry_run": true });
    let dry = bench.client.post("/v1/replays", asked).await.json(201);
    assert_eq!((&dry["matched"], &dry["status"], &dry["done"]), (&json!(2), &json!("dry_run"), &json!(0)));
    assert_eq!(bench.list("").await.json(200)["total"], 3);

    let asked = json!({ "bucket": "demo", "filters": { "status": "failed" }, "from": "2020-01-01" });
    let begun = bench.client.post("/v1/replays", asked).await.json(201);
    assert_eq!(begun["matched"], 2);
    let path = format!("/v1/replays/{}", begun["id"].as_str().unwrap());
    eventually("it is done", async || bench.client.get(&path).await.json(200)["status"] == "done").await;
    let done = bench.client.get(&path).await.json(200);
    assert_eq!((&done["done"], &done["failed"]), (&json!(2), &json!(0)));
    eventually("both are there", async || bench.list("").await.json(200)["total"] == 5).await;
    let page = bench.list("&limit=2").await.json(200);
    let origins: Vec<_> = page["data"].as_array().unwrap().iter().map(|log| log["origin_id"].clone()).collect();
    assert_eq!(origins, [json!(events[1]), json!(events[0])]);

    let other = house.client(1).await;
    eventually("another copy says so too", async || other.get(&path).await.json(200) == done).await;
    let cancelled = bench.client.delete(&path).await.json(200);
    assert_eq!(cancelled["status"], "done", "what is done stays done");
    house.client(2).await.get(&path).await.is(404, "replay not found");
}

#[tokio::test]
async fn another_copy_ends_a_replay() {
    let house = House::new().await;
    let bench = Bench::new(&house).await;
    // Enough for a few seconds.
    bench.more(20_000).await;
    let other = house.client(1).await;
    let begun = bench.client.post("/v1/replays", json!({ "bucket": "demo" })).await.json(201);
    let path = format!("/v1/replays/{}", begun["id"].as_str().unwrap());
    other.delete(&path).await.json(200);
    eventually("it has ended", async || other.get(&path).await.json(200)["status"] == "cancelled").await;
    assert_eq!(bench.client.get(&path).await.json(200)["status"], "cancelled");
    house.client(2).await.delete(&path).await.is(404, "replay not found");
}

#[tokio::test]
async fn a_replay_that_cannot_be_is_refused() {
    let house = House::new().await;
    let bench = Bench::with(&house, json!({ "ephemeral": true })).await;
    let refused = bench.client.post("/v1/replays", json!({ "bucket": "demo" })).await;
    refused.is(400, "webhooks of an ephemeral bucket are not kept and cannot be sent again");
    bench.client.post("/v1/replays", json!({})).await.is(400, "bucket: is missing");
}
