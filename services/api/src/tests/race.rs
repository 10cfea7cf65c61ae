//! Many writers at once, in two processes.

use futures_util::future::join_all;
use model::record::Group;
use model::{AccountId, BucketId, GroupId, InputId, OutputId, UnixMs};
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{Client, House, eventually};

const WRITERS: usize = 12;

/// Two copies of the API that one token asks in turn.
async fn copies(house: &House) -> [Client; 2] {
    [house.client(1).await, house.client(1).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_gets_a_name() {
    let house = House::new().await;
    let copies = copies(&house).await;
    let make = |n: usize| {
        let client = &copies[n % 2];
        async move { client.post("/v1/buckets", json!({ "name": "demo" })).await.status }
    };
    let statuses = join_all((0..WRITERS).map(make)).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), WRITERS - 1, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_different_fields_are_all_kept() {
    let house = House::new().await;
    let copies = copies(&house).await;
    let made = copies[0].post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let path = format!("/v1/buckets/{}", made["id"].as_str().unwrap());
    eventually("the other copy has it", async || copies[1].get(&path).await.status == 200).await;
    let changes = [json!({ "description": "d" }), json!({ "stream": false }), json!({ "window_seconds": 5 })];
    let change = |(n, change): (usize, Value)| {
        let (client, path) = (&copies[n % 2], &path);
        async move { client.put(path, change).await.json(200) }
    };
    join_all(changes.into_iter().enumerate().map(change)).await;
    let all_are_kept =
        |shown: &Value| shown["description"] == "d" && shown["stream"] == false && shown["window_seconds"] == 5;
    for copy in &copies {
        eventually("all changes are seen", async || all_are_kept(&copy.get(&path).await.json(200))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_dead_process_left_claimed_is_taken_over() {
    let house = House::new().await;
    let client = house.client(1).await;
    client.store.directory().claim(AccountId(Uuid::from_u128(1)), "bucket", "demo").await.unwrap();
    client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    client.post("/v1/buckets", json!({ "name": "demo" })).await.is(412, "bucket with name 'demo' already exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_while_its_bucket_is_deleted_is_not_left_behind() {
    let house = House::new().await;
    let copies = copies(&house).await;
    let made = copies[0].post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let path = format!("/v1/buckets/{}", made["id"].as_str().unwrap());
    eventually("the other copy has it", async || copies[1].get(&path).await.status == 200).await;
    let make = |n: usize| {
        let (client, path) = (&copies[1], &path);
        async move { client.post(&format!("{path}/inputs"), json!({ "name": n.to_string() })).await }
    };
    let delete = async { copies[0].delete(&format!("{path}?force=true")).await.json(200) };
    let (_, answers) = tokio::join!(delete, join_all((0..WRITERS).map(make)));
    for seen in &answers {
        assert!(matches!(seen.status, 201 | 404), "{seen:?}");
    }
    eventually("no input is left", async || {
        let left = |client: &Client| client.store.directory().inputs_of(made["id"].as_str().unwrap().parse().unwrap());
        left(&copies[0]).is_empty() && left(&copies[1]).is_empty()
    })
    .await;
    let first: InputId = made["inputs"][0]["id"].as_str().unwrap().parse().unwrap();
    assert!(copies[0].store.directory().input(first).is_none());
}

#[tokio::test]
async fn a_group_that_somebody_came_for_meanwhile_is_not_deleted() {
    let house = House::new().await;
    let client = house.client(1).await;
    let bucket = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let bucket: BucketId = bucket["id"].as_str().unwrap().parse().unwrap();
    let (id, output, account) = (GroupId(Uuid::new_v4()), OutputId(Uuid::new_v4()), AccountId(Uuid::from_u128(1)));
    let (name, created_at) = ("blue".to_owned(), UnixMs(0));
    let directory = client.store.directory();
    directory.ensure_group(&Group { id, output, bucket, account, name, created_at, seen_at: None }).await.unwrap();
    let read = directory.group(output, id).unwrap();
    let seen = Group { seen_at: Some(UnixMs(1)), ..read.record.as_ref().clone() };
    directory.update(&seen, read.revision).await.unwrap();
    let late = directory.delete_group(&read).await;
    assert!(matches!(late, Err(store::Error::Conflict)), "{late:?}");
    let read = directory.group(output, id).unwrap();
    assert_eq!(*read.record, seen);
    directory.delete_group(&read).await.unwrap();
    assert!(directory.group(output, id).is_none());
}
