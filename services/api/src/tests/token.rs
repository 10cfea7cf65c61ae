//! Tokens, from their making to their end.

use serde_json::{Value, json};
use uuid::Uuid;

use super::house::House;

#[tokio::test]
async fn a_token_is_made_listed_changed_and_revoked() {
    let house = House::new().await;
    let client = house.client(1).await;
    assert_eq!(client.get("/v1/tokens").await.json(200).as_array().unwrap().len(), 1);
    let asked =
        json!({ "description": "d", "scopes": { "buckets": ["demo"], "tunnels": null }, "api_access": "enabled" });
    let made = client.post("/v1/tokens", asked).await.json(201);
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["api_key", "key", "secret"]);
    let listed = client.get("/v1/tokens").await;
    assert!(!listed.text.contains(made["secret"].as_str().unwrap()));
    let token = listed.json(200)[1].clone();
    assert_eq!((&token["id"], &token["description"], &token["active"]), (&made["key"], &json!("d"), &json!(true)));
    assert_eq!(token["scopes"], json!({ "buckets": ["demo"], "tunnels": [] }));
    let path = format!("/v1/tokens/{}", made["key"].as_str().unwrap());
    let changed = client.put(&path, json!({ "description": "e" })).await.json(200);
    assert_eq!((&changed["description"], &changed["scopes"]), (&json!("e"), &token["scopes"]));
    client.put(&path, json!({ "api_access": "x" })).await.is(400, "api_access: must be enabled or disabled");
    assert_eq!(client.delete(&path).await.json(200), json!({ "id": made["key"], "status": "deleted" }));
    assert_eq!(client.get("/v1/tokens").await.json(200).as_array().unwrap().len(), 1);
    client.delete(&path).await.is(404, "token not found");
    client.post("/v1/tokens", Value::Null).await.json(201);
}

#[tokio::test]
async fn a_new_token_is_good_at_every_copy_at_once() {
    let house = House::new().await;
    let (here, there) = (house.client(1).await, house.stranger().await);
    let made = here.post("/v1/tokens", Value::Null).await.json(201);
    let (key, secret) = (made["key"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let info = there.with(key, secret).get("/v1/user/info").await.json(200);
    let account = Uuid::from_u128(1).to_string();
    let data = json!({
        "id": account, "username": account, "email": "", "auth_type": "token", "plan_id": "", "role": "user",
    });
    assert_eq!(info, json!({ "status": "ok", "data": data }));
}
