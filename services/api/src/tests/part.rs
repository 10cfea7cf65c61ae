//! Inputs and outputs, from their making to their end.

use futures_util::{StreamExt, stream};
use model::record::{Group, Input};
use model::{AccountId, BucketId, GroupId, InputId, OutputId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{Client, House};
use crate::limits::INPUTS_PER_BUCKET_MAX;

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

async fn bucket(client: &Client) -> (String, Value) {
    let made = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    (format!("/v1/buckets/{}", id(&made)), made)
}

#[tokio::test]
async fn an_input_is_made_read_changed_and_deleted() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (path, made) = bucket(&client).await;
    let inputs = format!("{path}/inputs");
    let answer = json!({ "name": "second", "status_code": 201, "body": "ok", "headers": { "A": "1" } });
    let input = client.post(&inputs, answer.clone()).await.json(201);
    client.post(&inputs, answer).await.is(412, "input with name 'second' already exists");
    let taken = "input with name 'Default public endpoint' already exists";
    client.post(&inputs, json!({ "name": "Default public endpoint" })).await.is(412, taken);
    assert_eq!(client.get(&inputs).await.json(200), json!([made["inputs"][0], input]));
    let one = format!("{inputs}/{}", id(&input));
    assert_eq!(client.get(&one).await.json(200), input);
    let changed = client.put(&one, json!({ "headers": { "B": ["2", "3"] } })).await.json(200);
    assert_eq!(changed["headers"], json!({ "B": ["2", "3"] }));
    assert_eq!((&changed["status_code"], &changed["body"]), (&json!(201), &json!("ok")));
    client.put(&one, json!({ "name": "Default public endpoint" })).await.is(412, taken);
    client.put(&one, json!({ "name": "renamed" })).await.json(200);
    client.post(&inputs, json!({ "name": "second" })).await.json(201);
    assert_eq!(client.delete(&one).await.json(200), json!({ "id": input["id"], "status": "deleted" }));
    client.delete(&one).await.is(404, "input not found");
    client.post(&inputs, json!({ "name": "renamed" })).await.json(201);
    client.post(&inputs, json!({ "name": "x", "function_id": "f" })).await.is(400, "function_id is not supported yet");
}

#[tokio::test]
async fn an_output_is_made_read_changed_and_deleted() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (path, made) = bucket(&client).await;
    let outputs = format!("{path}/outputs");
    let output =
        client.post(&outputs, json!({ "destination": "http://localhost:8080", "internal": true })).await.json(201);
    assert_eq!(output["name"], "http://localhost:8080");
    let taken = "output with name 'http://localhost:8080' already exists";
    client.post(&outputs, json!({ "destination": "http://localhost:8080" })).await.is(412, taken);
    assert_eq!(client.get(&outputs).await.json(200), json!([output]));
    let one = format!("{outputs}/{}", id(&output));
    assert_eq!(client.get(&one).await.json(200), output);
    let changed = client.put(&one, json!({ "timeout": 5, "name": "out" })).await.json(200);
    assert_eq!((&changed["timeout"], &changed["name"], &changed["internal"]), (&json!(5), &json!("out"), &json!(true)));
    let shown = client.get(&path).await.json(200);
    assert_eq!((&shown["outputs"], &shown["inputs"]), (&json!([changed]), &made["inputs"]));
    let group = Group {
        id: GroupId(Uuid::from_u128(7)),
        output: id(&output).parse::<OutputId>().unwrap(),
        bucket: id(&made).parse::<BucketId>().unwrap(),
        account: AccountId(Uuid::from_u128(1)),
        name: "g".to_owned(),
        created_at: crate::write::now(),
        seen_at: None,
    };
    client.store.directory().ensure_group(&group).await.unwrap();
    assert_eq!(client.delete(&one).await.json(200), json!({ "id": output["id"], "status": "deleted" }));
    assert!(client.store.directory().groups().is_empty());
    client.get(&one).await.is(404, "output not found");
    client
        .post(&outputs, json!({ "name": "out", "destination": "nowhere" }))
        .await
        .is(400, "destination: destination must start with http:// or https://");
    client.post(&outputs, json!({ "name": "out", "destination": "http://localhost:8080" })).await.json(201);
}

#[tokio::test]
async fn a_full_bucket_takes_no_more_inputs() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (path, made) = bucket(&client).await;
    let directory = client.store.directory();
    let of: BucketId = id(&made).parse().unwrap();
    let like = directory.inputs_of(of)[0].record.as_ref().clone();
    let further = (2..INPUTS_PER_BUCKET_MAX).map(|n| {
        let input = Input { id: InputId(Uuid::new_v4()), name: n.to_string(), ..like.clone() };
        async move { directory.create(&input).await.unwrap() }
    });
    stream::iter(further).buffer_unordered(64).collect::<Vec<_>>().await;
    client.post(&format!("{path}/inputs"), json!({ "name": "last" })).await.json(201);
    let refusal = "there are 1000 inputs in this bucket already, which is the most there may be";
    client.post(&format!("{path}/inputs"), json!({ "name": "over" })).await.is(412, refusal);
    client.delete(&format!("{path}?force=true")).await.json(200);
    assert!(directory.inputs_of(of).is_empty());
}

#[tokio::test]
async fn the_largest_answer_fits_into_the_store_however_it_is_escaped() {
    let house = House::new().await;
    let client = house.client(1).await;
    let (path, _) = bucket(&client).await;
    // JSON takes six bytes for each of these; the request limit ends it before the answer's own.
    let body = "\u{1}".repeat(170 * 1024);
    let input = client.post(&format!("{path}/inputs"), json!({ "name": "x", "body": body })).await.json(201);
    assert_eq!(input["body"], body);
    let body = "x".repeat(model::record::ANSWER_BYTES_MAX);
    let changed = client.put(&format!("{path}/inputs/{}", id(&input)), json!({ "body": body })).await.json(200);
    assert_eq!(changed["body"], body);
}
