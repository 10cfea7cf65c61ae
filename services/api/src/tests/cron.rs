//! Webhooks by the clock: made, run once by two copies, changed and deleted.

use model::record::Cron;
use model::{BucketId, CronId, UnixMs};
use serde_json::{Value, json};
use store::Store;
use store::directory::Key;
use store::keyring::Scope;
use telemetry::Stop;
use tokio::task::JoinHandle;

use super::house::{Client, House, eventually};
use crate::cron;

fn said() -> Value {
    json!({
        "name": "nightly", "schedule": "@daily", "timezone": "Europe/Vilnius", "destination": "http://a.example/x",
        "payload": "{}", "headers": { "X-A": "1" }, "function_id": "", "starts_at": "0001-01-01T00:00:00Z",
    })
}

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_cron_is_made_with_a_bucket_changed_and_deleted_with_it() {
    let house = House::new().await;
    let (client, other) = (house.client(1).await, house.client(2).await);
    let made = client.post("/v1/crons", said()).await.json(201);
    assert_eq!((&made["method"], &made["recurring"], &made["starts_at"]), (&json!("POST"), &json!(true), &Value::Null));
    assert!(made["next_run"].as_str().unwrap().ends_with(":00:00Z"), "{made}");
    assert_eq!((&made["bucket"]["cron_id"], &made["bucket"]["outputs"][0]["cron_id"]), (&made["id"], &made["id"]));
    assert_eq!(made["bucket"]["outputs"][0]["destination"], "http://a.example/x");
    let path = format!("/v1/crons/{}", id(&made));
    assert_eq!(client.get(&path).await.json(200), made);
    assert_eq!(client.get("/v1/crons").await.json(200), json!([made]));
    assert_eq!(other.get("/v1/crons").await.json(200), json!([]));
    other.get(&path).await.is(404, "cron not found");
    client.put(&path, made.clone()).await.json(200);
    let changed = client.put(&path, json!({ "destination": "http://b.example", "enabled": false })).await.json(200);
    assert_eq!((&changed["next_run"], &changed["schedule"]), (&Value::Null, &json!("@daily")));
    assert_eq!(changed["bucket"]["outputs"][0]["destination"], "http://b.example");
    assert_eq!(client.put(&path, json!({ "schedule": "x" })).await.status, 400);
    let ends = json!({ "starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z" });
    client.put(&path, ends).await.is(400, "ends_at: is before starts_at");
    let gone = client.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    client.get(&path).await.is(404, "cron not found");
    client.get(&format!("/v1/buckets/{}", id(&made["bucket"]))).await.is(404, "bucket not found");
}

#[tokio::test]
async fn a_destination_that_its_output_does_not_take_is_not_that_of_the_cron() {
    let house = House::new().await;
    let client = house.client(1).await;
    let made = client.post("/v1/crons", said()).await.json(201);
    let path = format!("/v1/crons/{}", id(&made));
    // Without its bucket there is no key to seal the output with.
    let bucket: BucketId = id(&made["bucket"]).parse().unwrap();
    client.store.directory().delete(&Key::Bucket(bucket)).await.unwrap();
    client.put(&path, json!({ "destination": "http://b.example" })).await.is(404, "bucket not found");
    assert_eq!(client.get(&path).await.json(200)["destination"], "http://a.example/x", "so that it can be asked again");
}

#[tokio::test]
async fn a_time_is_run_once_by_any_number_of_copies() {
    let house = House::new().await;
    let copies = [house.client(1).await, house.client(1).await, house.client(1).await];
    let (made, cron_id, bucket) = one_that_is_due(&copies[0]).await;
    let before = crate::write::now();
    let stop = Stop::new();
    let running: Vec<_> = copies.iter().map(|copy| run(&copy.store, &stop)).collect();
    let store = &copies[1].store;
    eventually("it ran", async || store.events().last(bucket, false).await.unwrap().is_some()).await;
    eventually("all have seen that it ran", async || {
        copies.iter().all(|copy| copy.store.directory().cron(cron_id).unwrap().record.last_run.is_some())
    })
    .await;
    stop.give();
    for copy in running {
        copy.await.unwrap();
    }
    assert_eq!(webhooks(store, bucket).await, 1);
    let last = store.events().last(bucket, false).await.unwrap().unwrap();
    let event = store.events().at(bucket, false, last).await.unwrap().unwrap();
    assert!(event.event.received_at() >= before, "what is made up for is kept, and shown, as of now");
    let request = store.events().open(bucket, event.event, event.input, event.sealed).await.unwrap();
    assert_eq!((request.method.as_str(), &request.body[..]), ("POST", &b"{}"[..]));
    assert_eq!(request.header("x-a"), Some(&b"1"[..]));
    let output = made["bucket"]["outputs"][0]["id"].as_str().unwrap().parse().unwrap();
    assert!(event.meta.is_due_to(output));
}

#[tokio::test]
async fn a_run_that_was_noted_was_stored_also_by_a_copy_that_does_not_see_its_note() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (_, cron_id, bucket) = one_that_is_due(&client).await;
    let stop = Stop::new();
    let late = run(&house.deaf().await, &stop);
    eventually("it is noted that it ran", async || {
        client.store.directory().cron(cron_id).unwrap().record.last_run.is_some()
    })
    .await;
    assert_eq!(webhooks(&client.store, bucket).await, 1);
    stop.give();
    late.await.unwrap();
}

#[tokio::test]
async fn a_run_that_was_stored_and_not_noted_is_noted_by_another_copy() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (_, cron_id, bucket) = one_that_is_due(&client).await;
    let directory = client.store.directory();
    let cron = directory.cron(cron_id).unwrap().record;
    // As by a process that died then.
    let time = cron::schedule::latest_run(&cron, crate::write::now()).unwrap();
    cron::post(&client.store, &cron, &directory.bucket(bucket).unwrap().record, time).await.unwrap();
    let stop = Stop::new();
    let other = run(&client.store, &stop);
    eventually("it is noted", async || directory.cron(cron_id).unwrap().record.last_run == Some(time)).await;
    stop.give();
    other.await.unwrap();
    assert_eq!(webhooks(&client.store, bucket).await, 1);
}

#[tokio::test]
async fn a_run_that_a_copy_has_no_key_for_is_left_to_others() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (_, cron_id, bucket) = one_that_is_due(&client).await;
    client.store.keyring().destroy(Scope::Bucket(bucket)).await.unwrap();
    let directory = client.store.directory();
    cron::run_one(&client.store, directory.cron(cron_id).unwrap()).await;
    assert_eq!(directory.cron(cron_id).unwrap().record.last_run, None);
}

/// A cron that runs once and is due, as if it had been made two days ago.
async fn one_that_is_due(client: &Client) -> (Value, CronId, BucketId) {
    let mut once = said();
    once["recurring"] = json!(false);
    let made = client.post("/v1/crons", once).await.json(201);
    let (cron_id, bucket): (CronId, BucketId) = (id(&made).parse().unwrap(), id(&made["bucket"]).parse().unwrap());
    let directory = client.store.directory();
    let cron = directory.cron(cron_id).unwrap();
    let ago = UnixMs(crate::write::now().0 - 2 * 24 * 3600 * 1000);
    let due = Cron { counts_from: Some(ago), created_at: ago, ..cron.record.as_ref().clone() };
    directory.update(&due, cron.revision).await.unwrap();
    (made, cron_id, bucket)
}

fn run(store: &Store, stop: &Stop) -> JoinHandle<()> {
    let (store, stop) = (store.clone(), stop.clone());
    tokio::spawn(async move { cron::run(&store, &stop).await })
}

/// How many webhooks the log of a bucket has.
async fn webhooks(store: &Store, bucket: BucketId) -> usize {
    let last = store.events().last(bucket, false).await.unwrap().unwrap_or_default();
    let mut count = 0;
    for place in 1..=last {
        count += usize::from(store.events().at(bucket, false, place).await.unwrap().is_some());
    }
    count
}
