//! Who may ask what: every route is asked by everybody whom it must refuse.

use crypto::session::{Audience, Claims, Signer};
use model::record::{ApiAccess, Scopes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{Client, House, eventually};
use crate::routes::routes;

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
/// The routes that ask for no credentials.
const OPEN: [&str; 2] = ["/v1/config", "/v1/openapi.json"];

/// Asks every route with every method, and returns what was not a refusal of the method.
async fn ask_all(client: &Client, ids: [&str; 3]) -> Vec<(String, u16, String)> {
    let mut answers = Vec::new();
    for (path, _) in routes() {
        let [bucket, input, output] = ids;
        let filled =
            path.replace("{id}", bucket).replace("{input}", input).replace("{output}", output).replace("{log}", output);
        for method in METHODS {
            let seen = client.ask(method, &filled, json!({})).await;
            if seen.status != 405 && !OPEN.contains(&path) {
                answers.push((format!("{method} {path}"), seen.status, seen.text));
            }
        }
    }
    assert!(answers.len() >= 20, "{answers:?}");
    answers
}

#[tokio::test]
async fn without_good_credentials_every_route_refuses() {
    let house = House::new().await;
    let owner = house.client(1).await;
    let bucket = owner.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let (id, input) = (bucket["id"].as_str().unwrap(), bucket["inputs"][0]["id"].as_str().unwrap());
    let unknown = "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11";
    for stranger in [
        owner.presenting(None),
        owner.with(unknown, "secret"),
        owner.with("admin", "admin"),
        owner.presenting(Some("Bearer v4.public.AAAA".to_owned())),
        owner.presenting(Some("Bearer sk-x".to_owned())),
    ] {
        for (route, status, text) in ask_all(&stranger, [id, input, input]).await {
            assert_eq!((status, text.as_str()), (401, "credentials are missing or wrong\n"), "{route}");
        }
    }
    let seen = owner.presenting(None).get("/v1/buckets").await;
    assert_eq!(seen.headers["www-authenticate"], "Basic realm=\"relay\"");
    let config = owner.presenting(None).get("/v1/config").await.json(200);
    assert_eq!(config, json!({ "version": env!("CARGO_PKG_VERSION"), "turnstile_disabled": true }));
}

#[tokio::test]
async fn what_belongs_to_others_is_not_there() {
    let house = House::new().await;
    let owner = house.client(1).await;
    let other = house.client(2).await;
    let bucket = owner.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let id = bucket["id"].as_str().unwrap();
    let output = json!({ "destination": "http://localhost", "internal": true });
    let output = owner.post(&format!("/v1/buckets/{id}/outputs"), output).await.json(201);
    let token = owner.post("/v1/tokens", Value::Null).await.json(201)["key"].clone();
    let ids = [id, bucket["inputs"][0]["id"].as_str().unwrap(), output["id"].as_str().unwrap()];
    eventually("the other copy has the bucket", async || other.store.directory().bucket(id.parse().unwrap()).is_some())
        .await;
    let nobody = "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11";
    let not_theirs = ask_all(&other, ids).await;
    let not_there = ask_all(&other, [nobody; 3]).await;
    for (not_theirs, not_there) in not_theirs.iter().zip(&not_there).filter(|((route, ..), _)| route.contains("{id}")) {
        assert_eq!(not_theirs, not_there, "no difference between not yours and not there");
        assert_eq!(not_theirs.1, 404, "{}", not_theirs.0);
    }
    let path = format!("/v1/tokens/{}", token.as_str().unwrap());
    other.put(&path, json!({ "description": "x" })).await.is(404, "token not found");
    other.delete(&path).await.is(404, "token not found");
    assert_eq!(other.get("/v1/buckets").await.json(200), json!([]));
    assert_eq!(owner.get(&format!("/v1/buckets/{id}")).await.json(200)["outputs"][0], output);
}

#[tokio::test]
async fn parts_of_another_bucket_are_not_there_either() {
    let house = House::new().await;
    let client = house.client(1).await;
    let a = client.post("/v1/buckets", json!({ "name": "aa" })).await.json(201);
    let b = client.post("/v1/buckets", json!({ "name": "bb" })).await.json(201);
    let path = format!("/v1/buckets/{}/inputs/{}", a["id"].as_str().unwrap(), b["inputs"][0]["id"].as_str().unwrap());
    client.get(&path).await.is(404, "input not found");
    client.put(&path, json!({})).await.is(404, "input not found");
    client.delete(&path).await.is(404, "input not found");
}

#[tokio::test]
async fn a_token_without_api_access_is_told_so() {
    let house = House::new().await;
    let stranger = house.stranger().await;
    let agent = house.further(&stranger, 1, Scopes::default(), ApiAccess::Disabled).await;
    for (route, status, text) in ask_all(&agent, ["x"; 3]).await {
        assert_eq!((status, text.as_str()), (403, "this token may not be used for the API\n"), "{route}");
    }
}

#[tokio::test]
async fn scopes_hide_the_other_buckets_and_all_tokens() {
    let house = House::new().await;
    let owner = house.client(1).await;
    let seen = owner.post("/v1/buckets", json!({ "name": "seen" })).await.json(201);
    let hidden = owner.post("/v1/buckets", json!({ "name": "hidden" })).await.json(201);
    let scopes = Scopes { buckets: vec!["seen".to_owned(), "later".to_owned()], tunnels: Vec::new() };
    let limited = house.further(&owner, 1, scopes, ApiAccess::Enabled).await;
    assert_eq!(limited.get("/v1/buckets").await.json(200), json!([seen]));
    let path = |bucket: &Value| format!("/v1/buckets/{}", bucket["id"].as_str().unwrap());
    limited.get(&path(&seen)).await.json(200);
    limited.get(&path(&hidden)).await.is(404, "bucket not found");
    limited.delete(&path(&hidden)).await.is(404, "bucket not found");
    let refusal = "this token's scopes do not have a bucket of that name";
    limited.post("/v1/buckets", json!({ "name": "other" })).await.is(403, refusal);
    limited.put(&path(&seen), json!({ "name": "other" })).await.is(403, refusal);
    limited.put(&path(&seen), json!({ "name": "later" })).await.json(200);
    limited.post("/v1/buckets", json!({ "name": "seen" })).await.json(201);
    for seen in [
        limited.get("/v1/tokens").await,
        limited.post("/v1/tokens", json!({})).await,
        limited.put("/v1/tokens/0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11", json!({})).await,
        limited.delete("/v1/tokens/0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11").await,
    ] {
        seen.is(403, "this token has scopes; what is the whole account's is managed with one that has none");
    }
}

#[tokio::test]
async fn a_token_with_scopes_takes_no_part_of_the_accounts_domains() {
    let house = House::new().await;
    let owner = house.client(1).await;
    owner.post("/v1/domains", json!({ "domain": "hooks.example.com" })).await.json(201);
    let hidden = owner.post("/v1/buckets", json!({ "name": "hidden" })).await.json(201);
    let seen = owner.post("/v1/buckets", json!({ "name": "seen" })).await.json(201);
    let inputs = |bucket: &Value| format!("/v1/buckets/{}/inputs", bucket["id"].as_str().unwrap());
    let at = |path: &str| json!({ "name": "at", "custom_domain": "hooks.example.com", "path_prefix": path });
    owner.post(&inputs(&hidden), at("/")).await.json(201);
    let scopes = Scopes { buckets: vec!["seen".to_owned()], tunnels: Vec::new() };
    let limited = house.further(&owner, 1, scopes, ApiAccess::Enabled).await;
    let refusal = "this token has scopes; what is the whole account's is managed with one that has none";
    // With this path it would get what the other bucket gets now.
    limited.post(&inputs(&seen), at("/shop")).await.is(403, refusal);
    limited.post(&inputs(&seen), at("/")).await.is(403, refusal);
    let own = format!("{}/{}", inputs(&seen), seen["inputs"][0]["id"].as_str().unwrap());
    limited.put(&own, at("/shop")).await.is(403, refusal);
    // What its owner has put there stays, whatever else changes.
    owner.put(&own, at("/seen")).await.json(200);
    let kept = limited.put(&own, json!({ "description": "d" })).await.json(200);
    assert_eq!(kept["url"], "https://hooks.example.com/seen");
    limited.put(&own, json!({ "path_prefix": "/shop" })).await.is(403, refusal);
    limited.put(&own, json!({ "custom_domain": "" })).await.json(200);
}

#[tokio::test]
async fn a_secret_is_checked_once_and_refused_as_soon_as_its_token_changes() {
    let house = House::new().await;
    let client = house.client(1).await;
    let made = client.post("/v1/tokens", json!({ "description": "d" })).await.json(201);
    let (key, secret) = (made["key"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let (other, wrong) = (client.with(key, secret), client.with(key, "wrong"));
    let before = house.verifications();
    for _ in 0..5 {
        other.get("/v1/user/info").await.json(200);
        wrong.get("/v1/user/info").await.is(401, "credentials are missing or wrong");
    }
    assert_eq!(house.verifications() - before, 2, "good and bad are both remembered");
    let path = format!("/v1/tokens/{key}");
    client.put(&path, json!({ "active": false })).await.json(200);
    other.get("/v1/user/info").await.is(401, "credentials are missing or wrong");
    client.put(&path, json!({ "active": true })).await.json(200);
    other.get("/v1/user/info").await.json(200);
    client.put(&path, json!({ "api_access": "disabled" })).await.json(200);
    other.get("/v1/user/info").await.is(403, "this token may not be used for the API");
    client.delete(&path).await.json(200);
    other.get("/v1/user/info").await.is(401, "credentials are missing or wrong");
}

#[tokio::test]
async fn a_session_token_for_the_api_counts_until_its_token_changes() {
    let house = House::new().await;
    let client = house.client(1).await;
    let made = client.post("/v1/tokens", Value::Null).await.json(201);
    let token = client.store.directory().token(made["key"].as_str().unwrap().parse().unwrap()).unwrap().record;
    let signer = Signer::generate().unwrap();
    client.store.directory().create(&signer.public_key()).await.unwrap();
    let now = crate::write::now().seconds();
    let presenting = |change: &dyn Fn(&mut Claims)| {
        let mut claims = Claims {
            id: Uuid::new_v4(),
            account: token.account,
            token: token.id,
            generation: token.generation,
            audience: Audience::Api,
            issued_at: now,
            expires_at: now + 600,
        };
        change(&mut claims);
        client.presenting(Some(format!("Bearer {}", signer.sign(&claims).unwrap())))
    };
    let good = presenting(&|_| {});
    good.get("/v1/buckets").await.json(200);
    for bad in [
        presenting(&|claims| claims.audience = Audience::Dispatcher),
        presenting(&|claims| claims.generation -= 1),
        presenting(&|claims| claims.account = model::AccountId(Uuid::from_u128(2))),
        presenting(&|claims| claims.expires_at = now - 1),
    ] {
        bad.get("/v1/buckets").await.is(401, "credentials are missing or wrong");
    }
    client.delete(&format!("/v1/tokens/{}", token.id)).await.json(200);
    good.get("/v1/buckets").await.is(401, "credentials are missing or wrong");
}

#[tokio::test]
async fn while_auth_is_busy_the_caller_is_asked_to_wait() {
    let house = House::new().await;
    let client = house.client(1).await;
    house.make_auth_busy();
    let seen = client.get("/v1/user/info").await;
    seen.is(503, "cannot be done right now; try again");
    assert_eq!(seen.headers["retry-after"], "1");
}

#[tokio::test]
async fn without_nats_what_is_known_is_still_said_and_changes_are_refused() {
    let mut house = House::new().await;
    let client = house.client(1).await;
    let bucket = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    house.end_nats();
    assert_eq!(client.get("/v1/buckets").await.json(200), json!([bucket]));
    let path = format!("/v1/buckets/{}", bucket["id"].as_str().unwrap());
    let seen = client.put(&path, json!({ "description": "d" })).await;
    seen.is(503, "cannot be done right now; try again");
    assert_eq!(seen.headers["retry-after"], "1");
}
