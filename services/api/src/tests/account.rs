//! What is the whole account's: domains, integrations, who is connected.

use model::alert::Alert;
use model::record::{ApiAccess, Group, Scopes};
use model::{AccountId, DispatcherId, GroupId, OutputId, SessionId, TokenId, UnixMs};
use serde_json::{Value, json};
use store::presence::{CursorSeen, Page, SessionSeen};
use uuid::Uuid;

use super::house::{House, eventually};

fn id(of: &Value) -> &str {
    of["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_domain_is_one_accounts_and_cannot_go_while_it_is_used() {
    let house = House::new().await;
    let (client, other) = (house.client(1).await, house.client(2).await);
    let made = client.post("/v1/domains", json!({ "domain": "Hooks.Example.com" })).await.json(201);
    assert_eq!(made["domain"], "hooks.example.com");
    assert_eq!(client.get("/v1/domains").await.json(200), json!([made]));
    assert_eq!(other.get("/v1/domains").await.json(200), json!([]));
    let taken = "domain with name 'hooks.example.com' already exists";
    other.post("/v1/domains", json!({ "domain": "hooks.example.com" })).await.is(412, taken);
    client.post("/v1/domains", json!({ "domain": "relay.example" })).await.is(451, "this name is the relay's own");
    client.post("/v1/domains", json!({ "domain": "192.0.2.7" })).await.is(451, "an address is no domain");
    client.post("/v1/domains", json!({})).await.is(400, "domain: is missing");

    let bucket = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let inputs = format!("/v1/buckets/{}/inputs", id(&bucket));
    let input = json!({ "name": "in", "custom_domain": "hooks.example.com", "path_prefix": "/a" });
    let input = client.post(&inputs, input).await.json(201);
    assert_eq!(input["url"], "https://hooks.example.com/a");
    let twice = json!({ "name": "in2", "custom_domain": "hooks.example.com", "path_prefix": "/a" });
    client.post(&inputs, twice).await.is(412, "another input answers at this domain and path already");
    let strange = json!({ "name": "in2", "custom_domain": "other.example.com" });
    let refusal = "custom_domain: is no domain of this account; claim it with POST /v1/domains";
    client.post(&inputs, strange).await.is(400, refusal);
    let path = format!("/v1/domains/{}", id(&made));
    other.delete(&path).await.is(404, "domain not found");
    client.delete(&path).await.is(412, "the domain is in use by an input");
    client.put(&format!("{inputs}/{}", id(&input)), json!({ "custom_domain": "" })).await.json(200);
    assert_eq!(client.delete(&path).await.json(200), json!({ "id": made["id"], "status": "deleted" }));
    eventually("the other account gets it", async || {
        other.post("/v1/domains", json!({ "domain": "hooks.example.com" })).await.status == 201
    })
    .await;
}

#[tokio::test]
async fn an_integration_is_made_attached_shown_and_deleted() {
    let house = House::new().await;
    let (client, other) = (house.client(1).await, house.client(2).await);
    let bucket = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let bucket_path = format!("/v1/buckets/{}", id(&bucket));
    let url = "https://hooks.example.com/T0/secret";
    let said =
        json!({ "plugin": "slack", "configuration": { "webhook_url": url }, "events": ["forwarding.delivery.error"] });
    let made = client.post("/v1/integrations", said).await.json(201);
    assert_eq!((&made["configuration"]["webhook_url"], &made["status"]), (&json!(url), &json!("active")));
    let path = format!("/v1/integrations/{}", id(&made));
    assert_eq!(client.get(&path).await.json(200), made);
    other.get(&path).await.is(404, "integration not found");
    client.post(&format!("{path}/buckets"), json!({})).await.is(400, "bucket_id: is missing");
    for _ in 0..2 {
        let attached = client.post(&format!("{path}/buckets"), json!({ "bucket_id": bucket["id"] })).await.json(200);
        assert_eq!(attached["buckets"], json!([{ "id": bucket["id"], "name": "demo" }]));
    }
    let shown = client.get(&bucket_path).await;
    assert!(!shown.text.contains("secret"), "who sees the bucket does not get the URL");
    let shown = shown.json(200);
    assert_eq!(shown["integration_configurations"][0]["id"], made["id"]);
    client.put(&bucket_path, shown).await.json(200);
    let changed = client.put(&path, json!({ "disabled": true, "description": "d" })).await.json(200);
    assert_eq!((&changed["status"], &changed["plugin"]), (&json!("disabled"), &json!("slack")));
    client.put(&path, json!({ "events": ["x"] })).await.is(
        400,
        "events: must be of forwarding.delivery.error, forwarding.function.error, forwarding.delivery.expired, \
         forwarding.circuit.open, forwarding.output.paused, forwarding.lag",
    );
    client.put(&path, json!({ "events": Alert::ALL.map(Alert::name) })).await.json(200);
    client.delete(&format!("{path}/buckets/{}", id(&bucket))).await.json(200);
    client.delete(&format!("{path}/buckets/{}", id(&bucket))).await.is(404, "bucket not found");
    assert_eq!(client.get(&bucket_path).await.json(200)["integration_configurations"], json!([]));
    client.delete(&path).await.json(200);
    assert_eq!(client.get("/v1/integrations").await.json(200), json!([]));
}

#[tokio::test]
async fn callers_secrets_and_rules_are_kept_and_inputs_refer_to_outputs_of_their_bucket() {
    let house = House::new().await;
    let client = house.client(1).await;
    let auth = json!({ "type": "basic", "username": "u", "password": "p4ssword" });
    let bucket = client.post("/v1/buckets", json!({ "name": "demo", "auth": auth })).await.json(201);
    assert_eq!((&bucket["auth"]["type"], &bucket["auth"]["password"]), (&json!("basic"), &json!("")));
    let path = format!("/v1/buckets/{}", id(&bucket));
    client.put(&path, bucket.clone()).await.json(200);
    let output = client.post(&format!("{path}/outputs"), json!({ "destination": "http://a.example" })).await.json(201);
    assert_eq!(output["internal"], false);
    let rules = json!({ "match": { "type": "value", "parameter": { "source": "header", "name": "X" }, "value": "1" } });
    let one = format!("{path}/outputs/{}", id(&output));
    assert_eq!(client.put(&format!("{one}/rules"), rules.clone()).await.json(200)["rules"], rules);
    client.put(&format!("{one}/rules"), json!({ "or": {} })).await.is(400, "rules.or: must be a list");
    assert_eq!(client.get(&one).await.json(200)["rules"], rules);
    assert_eq!(client.delete(&format!("{one}/rules")).await.json(200)["rules"], json!({}));
    let input = format!("{path}/inputs/{}", id(&bucket["inputs"][0]));
    let waiting = client.put(&input, json!({ "response_from_output": output["id"] })).await.json(200);
    assert_eq!(waiting["response_from_output"], output["id"]);
    let refusal = "response_from_output: is no output of this bucket";
    client.put(&input, json!({ "response_from_output": Uuid::nil() })).await.is(400, refusal);
    client.delete(&one).await.json(200);
    client.put(&input, json!({ "description": "its output is gone" })).await.json(200);
}

#[tokio::test]
async fn who_is_connected_is_shown_to_its_account_alone() {
    let house = House::new().await;
    let client = house.client(1).await;
    let bucket = client.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
    let output = client
        .post(&format!("/v1/buckets/{}/outputs", id(&bucket)), json!({ "destination": "http://a", "internal": true }))
        .await
        .json(201);
    let group = Group {
        id: GroupId(Uuid::from_u128(7)),
        output: id(&output).parse::<OutputId>().unwrap(),
        bucket: id(&bucket).parse().unwrap(),
        account: AccountId(Uuid::from_u128(1)),
        name: "g".to_owned(),
        created_at: UnixMs(1000),
        seen_at: None,
    };
    house.store.directory().ensure_group(&group).await.unwrap();
    let session = |account: u128, n: u128| SessionSeen {
        id: SessionId(Uuid::from_u128(n)),
        account: AccountId(Uuid::from_u128(account)),
        token: TokenId(Uuid::from_u128(n)),
        kind: "agent".to_owned(),
        version: "1.2.3".to_owned(),
        peer: "192.0.2.1".to_owned(),
        buckets: vec!["demo".to_owned()],
        group: "g".to_owned(),
        since: UnixMs(2000),
    };
    let cursor = CursorSeen {
        account: group.account,
        bucket: group.bucket,
        output: group.output,
        group: group.id,
        sessions: 1,
        waiting: 3,
        at_hand: 1,
        oldest_at: Some(UnixMs(4000)),
        last_sent_at: None,
        failures: 1,
        is_open: true,
    };
    let page = Page { sessions: vec![session(1, 11), session(2, 12)], cursors: vec![cursor] };
    house.store.presence().say(DispatcherId(Uuid::from_u128(9)), 0, &page).await.unwrap();
    eventually("it is seen", async || !client.store.presence().pages().is_empty()).await;
    let shown = client.get("/v1/connected-clients").await.json(200);
    let expected = json!({ "webhook_clients": [{
        "access_token_key": Uuid::from_u128(11), "buckets": ["demo"], "client_ip": "192.0.2.1", "client_type": "agent",
        "client_version": "1.2.3", "destination": "", "group": "g", "subscribed_at": 2,
    }], "tunnel_clients": [] });
    assert_eq!(shown, expected);
    let expected = json!([{
        "id": group.id, "name": "g", "bucket_id": group.bucket, "output_id": group.output, "created_at": 1, "sessions": 1,
        "waiting": 3, "oldest_at": 4, "last_sent_at": null, "failures": 1, "circuit_open": true,
    }]);
    assert_eq!(client.get("/v1/groups?bucket=demo").await.json(200), expected);
    assert_eq!(client.get(&format!("/v1/groups?bucket={}", group.bucket)).await.json(200), expected);
    client.get("/v1/groups?bucket=other").await.is(404, "bucket not found");
    let scopes = Scopes { buckets: vec!["other".to_owned()], tunnels: Vec::new() };
    let limited = house.further(&client, 1, scopes, ApiAccess::Enabled).await;
    assert_eq!(limited.get("/v1/groups").await.json(200), json!([]));
    assert_eq!(limited.get("/v1/connected-clients").await.json(200)["webhook_clients"], json!([]));
    let region = json!([{ "id": "default", "name": "default", "domain_suffix": "relay.example", "server_address": "relay.example" }]);
    assert_eq!(client.get("/v1/regions").await.json(200), region);
}

#[tokio::test]
async fn the_name_by_which_the_relay_is_reached_is_no_domain() {
    let house = House::new().await;
    let client = house.client(1).await;
    for (name, status) in [("hooks.reached.example", 451), ("hooks.free.example", 201)] {
        let request = client.request("POST", "/v1/domains").header("Host", "Reached.example:8080");
        let request = request.body(axum::body::Body::from(json!({ "domain": name }).to_string())).unwrap();
        let answer = tower::ServiceExt::oneshot(client.router(), request).await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
    }
}
