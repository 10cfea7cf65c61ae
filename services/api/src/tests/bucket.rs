//! Buckets, from their making to their end.

use model::record::Group;
use model::{BucketId, GroupId, OutputId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::House;
use crate::limits::REQUEST_BYTES_MAX;

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_bucket_is_made_with_an_input_read_changed_and_deleted() {
    let house = House::new().await;
    let client = house.client(1).await;
    assert_eq!(client.get("/v1/buckets").await.json(200), json!([]));
    let made = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let input = &made["inputs"][0];
    assert_eq!(input["name"], "Default public endpoint");
    assert_eq!(input["bucket_id"], made["id"]);
    assert_eq!(input["url"], format!("https://relay.example/v1/webhooks/{}", id(input)));
    assert_eq!(input["id"].as_str().unwrap().parse::<Uuid>().unwrap().get_version_num(), 4);
    assert_eq!(made["account_id"], Uuid::from_u128(1).to_string());

    let path = format!("/v1/buckets/{}", id(&made));
    assert_eq!(client.get(&path).await.json(200), made);
    assert_eq!(client.get("/v1/buckets").await.json(200), json!([made]));

    let changed = client.put(&path, json!({ "description": "d" })).await.json(200);
    assert_eq!(
        (&changed["description"], &changed["name"], &changed["stream"]),
        (&json!("d"), &json!("demo"), &json!(true))
    );
    assert_eq!(client.put(&path, changed.clone()).await.json(200), changed, "what was read can be sent back");

    client.delete(&path).await.is(412, "bucket has inputs or outputs; delete them, or use ?force=true");
    client
        .delete(&format!("{path}?force=false"))
        .await
        .is(412, "bucket has inputs or outputs; delete them, or use ?force=true");
    client.delete(&format!("{path}/inputs/{}", id(input))).await.json(200);
    let deleted = client.delete(&path).await.json(200);
    assert_eq!(deleted, json!({ "id": made["id"], "status": "deleted" }));
    client.get(&path).await.is(404, "bucket not found");
    client.delete(&path).await.is(404, "bucket not found");
    client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
}

#[tokio::test]
async fn names_are_unique_in_the_account_also_when_changed() {
    let house = House::new().await;
    let (client, other) = (house.client(1).await, house.client(2).await);
    let first = client.post("/v1/buckets", json!({ "name": "first" })).await.json(201);
    client.post("/v1/buckets", json!({ "name": "first" })).await.is(412, "bucket with name 'first' already exists");
    other.post("/v1/buckets", json!({ "name": "first" })).await.json(201);
    let second = client.post("/v1/buckets", json!({ "name": "second" })).await.json(201);
    let path = format!("/v1/buckets/{}", id(&second));
    client.put(&path, json!({ "name": "first" })).await.is(412, "bucket with name 'first' already exists");
    client.put(&path, json!({ "name": "second" })).await.json(200);
    assert_eq!(client.put(&path, json!({ "name": "third" })).await.json(200)["name"], "third");
    client.post("/v1/buckets", json!({ "name": "second" })).await.json(201);
    client.delete(&format!("/v1/buckets/{}?force=true", id(&first))).await.json(200);
    client.put(&path, json!({ "name": "first" })).await.json(200);
}

#[tokio::test]
async fn a_refused_request_changes_nothing() {
    let house = House::new().await;
    let client = house.client(1).await;
    let made = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let path = format!("/v1/buckets/{}", id(&made));
    client.put(&path, json!({ "name": "other", "stream": 1 })).await.is(400, "stream: must be true or false");
    let refusal = "ephemeral: cannot be changed once the bucket is made; make a new bucket";
    client.put(&path, json!({ "name": "other", "ephemeral": true })).await.is(400, refusal);
    client.put(&path, json!({ "name": "other", "static_ip": true })).await.is(400, "static_ip is not supported yet");
    client.put(&path, Value::Null).await.is(400, "the body is empty; a JSON object is expected");
    assert_eq!(client.get(&path).await.json(200), made);
    client.post("/v1/buckets", json!({ "name": "other" })).await.json(201);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let house = House::new().await;
    let client = house.client(1).await;
    let of =
        |bytes: usize| json!({ "description": "x".repeat(bytes - json!({ "description": "" }).to_string().len()) });
    let too_long = client.post("/v1/buckets", of(REQUEST_BYTES_MAX)).await;
    too_long.is(400, "description: has more than 4096 bytes");
    let too_large = client.post("/v1/buckets", of(REQUEST_BYTES_MAX + 1)).await;
    too_large.is(413, "the body has more than 1048576 bytes");
}

#[tokio::test]
async fn force_takes_everything_that_belongs_to_it() {
    let house = House::new().await;
    let client = house.client(1).await;
    let kept = client.post("/v1/buckets", json!({ "name": "kept" })).await.json(201);
    let made = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let bucket: BucketId = id(&made).parse().unwrap();
    for n in 0..40 {
        let output = json!({ "destination": format!("http://localhost/{n}"), "internal": true });
        let output = client.post(&format!("/v1/buckets/{bucket}/outputs"), output).await.json(201);
        client.post(&format!("/v1/buckets/{bucket}/inputs"), json!({ "name": n.to_string() })).await.json(201);
        let group = Group {
            id: GroupId(Uuid::from_u128(n)),
            output: id(&output).parse::<OutputId>().unwrap(),
            bucket,
            account: client.store.directory().bucket(bucket).unwrap().record.account,
            name: "g".to_owned(),
            created_at: crate::write::now(),
            seen_at: None,
        };
        client.store.directory().ensure_group(&group).await.unwrap();
    }
    client.delete(&format!("/v1/buckets/{bucket}?force=true")).await.json(200);
    let directory = client.store.directory();
    assert!(directory.bucket(bucket).is_none() && directory.groups().is_empty());
    assert!(directory.inputs_of(bucket).is_empty() && directory.outputs_of(bucket).is_empty());
    assert_eq!(client.get("/v1/buckets").await.json(200), json!([kept]));
}
