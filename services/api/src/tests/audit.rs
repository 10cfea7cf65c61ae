//! Who changed what.

use serde_json::{Value, json};

use super::house::{Client, House};

/// Operation, kind and id of each change, newest first, read a page of this size at a time.
async fn changes(client: &Client, limit: usize) -> Vec<(Value, Value, Value)> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/audit?limit={limit}&cursor={cursor}")).await.json(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        all.extend(data.iter().map(|one| (one["operation"].clone(), one["kind"].clone(), one["id"].clone())));
        cursor = page["next_cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn what_was_changed_stays_known_when_it_is_gone() {
    let house = House::new().await;
    let client = house.client(1).await;
    let bucket = client.post("/v1/buckets", json!({ "name": "hush", "description": "secret" })).await.json(201);
    let path = format!("/v1/buckets/{}", bucket["id"].as_str().unwrap());
    client.put(&path, json!({ "description": "other" })).await.json(200);
    let token = client.post("/v1/tokens", json!({ "description": "second" })).await.json(201);
    let second = client.with(token["key"].as_str().unwrap(), token["secret"].as_str().unwrap());
    second.delete(&format!("{path}?force=true")).await.json(200);
    client.delete(&format!("/v1/tokens/{}", token["key"].as_str().unwrap())).await.json(200);

    let (input, bucket) = (bucket["inputs"][0]["id"].clone(), bucket["id"].clone());
    let expected: Vec<_> = [
        ("delete", "token", &token["key"]),
        ("delete", "bucket", &bucket),
        ("delete", "input", &input),
        ("create", "token", &token["key"]),
        ("update", "bucket", &bucket),
        ("create", "input", &input),
        ("create", "bucket", &bucket),
    ]
    .map(|(operation, kind, id)| (json!(operation), json!(kind), id.clone()))
    .into();
    for limit in [1, 2, 100] {
        assert_eq!(changes(&client, limit).await, expected, "{limit}");
    }
    let page = client.get("/v1/audit").await;
    let by = &page.json(200)["data"][1];
    assert_eq!((&by["token_id"], &by["bucket_id"]), (&token["key"], &bucket));
    assert!(!page.text.contains("secret") && !page.text.contains("hush"), "{}", page.text);
    assert_eq!(changes(&house.client(2).await, 100).await, []);
    client.get("/v1/audit?cursor=x").await.is(400, "cursor: is none that a page named");
}
