//! Who is refused what: a row for each operation, asked by everybody whom it must refuse.
//!
//! A route without a row fails, and so does a row without a route; the same holds for the
//! description of the API.

use std::collections::BTreeSet;

use crypto::session::{Audience, Claims, Signer};
use model::record::{ApiAccess, Scopes};
use serde_json::{Value, json};
use uuid::Uuid;

use super::house::{Client, House, eventually};
use crate::openapi::operations;
use crate::routes::routes;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What somebody gets who has credentials, but not those of the owner.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gets {
    /// Nothing of the owner's; whatever is their own.
    Own,
    /// 404, as for what does not exist.
    NotFound,
    /// 403.
    Forbidden,
    /// What everybody gets.
    All,
}

use Gets::{All, Forbidden, NotFound, Own};

/// The operation; what a token of another account gets; what one gets whose scopes have another bucket.
type Row = (&'static str, Gets, Gets);

const TABLE: &[Row] = &[
    ("GET /v1/buckets", Own, Own),
    ("POST /v1/buckets", Own, Own),
    ("GET /v1/buckets/{id}", NotFound, NotFound),
    ("PUT /v1/buckets/{id}", NotFound, NotFound),
    ("DELETE /v1/buckets/{id}", NotFound, NotFound),
    ("GET /v1/buckets/{id}/canary", NotFound, NotFound),
    ("GET /v1/buckets/{id}/inputs", NotFound, NotFound),
    ("POST /v1/buckets/{id}/inputs", NotFound, NotFound),
    ("GET /v1/buckets/{id}/inputs/{input}", NotFound, NotFound),
    ("PUT /v1/buckets/{id}/inputs/{input}", NotFound, NotFound),
    ("DELETE /v1/buckets/{id}/inputs/{input}", NotFound, NotFound),
    ("GET /v1/buckets/{id}/outputs", NotFound, NotFound),
    ("POST /v1/buckets/{id}/outputs", NotFound, NotFound),
    ("GET /v1/buckets/{id}/outputs/{output}", NotFound, NotFound),
    ("PUT /v1/buckets/{id}/outputs/{output}", NotFound, NotFound),
    ("DELETE /v1/buckets/{id}/outputs/{output}", NotFound, NotFound),
    ("PUT /v1/buckets/{id}/outputs/{output}/rules", NotFound, NotFound),
    ("DELETE /v1/buckets/{id}/outputs/{output}/rules", NotFound, NotFound),
    ("POST /v1/buckets/{id}/outputs/{output}/rules/preview", NotFound, NotFound),
    ("GET /v1/crons", Own, Forbidden),
    ("POST /v1/crons", Own, Forbidden),
    ("GET /v1/crons/{id}", NotFound, Forbidden),
    ("PUT /v1/crons/{id}", NotFound, Forbidden),
    ("DELETE /v1/crons/{id}", NotFound, Forbidden),
    ("GET /v1/domains", Own, Forbidden),
    ("POST /v1/domains", Own, Forbidden),
    ("DELETE /v1/domains/{id}", NotFound, Forbidden),
    ("GET /v1/integrations", Own, Forbidden),
    ("POST /v1/integrations", Own, Forbidden),
    ("GET /v1/integrations/{id}", NotFound, Forbidden),
    ("PUT /v1/integrations/{id}", NotFound, Forbidden),
    ("DELETE /v1/integrations/{id}", NotFound, Forbidden),
    ("POST /v1/integrations/{id}/buckets", NotFound, Forbidden),
    ("DELETE /v1/integrations/{id}/buckets/{bucket}", NotFound, Forbidden),
    ("GET /v1/connected-clients", Own, Own),
    ("GET /v1/groups", Own, Own),
    ("GET /v1/regions", All, All),
    ("GET /v1/logs", Own, Own),
    ("GET /v1/logs/{id}", NotFound, NotFound),
    ("PUT /v1/logs/{id}", NotFound, NotFound),
    ("POST /v1/logs/{id}/action", NotFound, NotFound),
    ("GET /v1/buckets/{id}/logs/{log}", NotFound, NotFound),
    ("GET /v1/logs/stream", Own, Own),
    ("GET /v1/logs/histogram", Own, Own),
    ("GET /v1/logs-stats", Own, Own),
    ("GET /v1/ledger", Own, Own),
    ("GET /v1/usage", Own, Own),
    ("GET /v1/audit", Own, Forbidden),
    ("GET /v1/usages/{id}", NotFound, NotFound),
    ("GET /v1/events", Own, Own),
    ("POST /v1/replays", Own, Own),
    ("GET /v1/replays/{id}", NotFound, NotFound),
    ("DELETE /v1/replays/{id}", NotFound, NotFound),
    ("GET /v1/tokens", Own, Forbidden),
    ("POST /v1/tokens", Own, Forbidden),
    ("PUT /v1/tokens/{id}", NotFound, Forbidden),
    ("DELETE /v1/tokens/{id}", NotFound, Forbidden),
    ("GET /v1/user/info", Own, All),
    ("GET /v1/config", All, All),
    ("GET /v1/openapi.json", All, All),
];

/// The ids of what the owner has.
struct Owned {
    bucket: String,
    input: String,
    output: String,
    cron: String,
    domain: String,
    integration: String,
    token: String,
}

impl Owned {
    async fn new(owner: &Client) -> Self {
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        let bucket = owner.post("/v1/buckets", json!({ "name": "demo" })).await.json(201);
        let outputs = format!("/v1/buckets/{}/outputs", id(&bucket));
        let output = owner.post(&outputs, json!({ "destination": "http://a.example" })).await.json(201);
        let cron = json!({ "name": "c", "schedule": "@yearly", "destination": "http://a.example" });
        let integration = json!({ "plugin": "webhook", "configuration": { "webhook_url": "https://a.example" } });
        let integration = owner.post("/v1/integrations", integration).await.json(201);
        let attached = format!("/v1/integrations/{}/buckets", id(&integration));
        owner.post(&attached, json!({ "bucket_id": bucket["id"] })).await.json(200);
        let token = owner.post("/v1/tokens", Value::Null).await.json(201);
        Self {
            input: id(&bucket["inputs"][0]),
            bucket: id(&bucket),
            output: id(&output),
            cron: id(&owner.post("/v1/crons", cron).await.json(201)),
            domain: id(&owner.post("/v1/domains", json!({ "domain": "hooks.example.com" })).await.json(201)),
            integration: id(&integration),
            token: token["key"].as_str().unwrap().to_owned(),
        }
    }

    fn all(&self) -> [&str; 7] {
        [&self.bucket, &self.input, &self.output, &self.cron, &self.domain, &self.integration, &self.token]
    }

    /// The path with these ids in it.
    fn fill(&self, path: &str) -> String {
        let id = match path.split('/').nth(2).unwrap() {
            "crons" => &self.cron,
            "domains" => &self.domain,
            "integrations" => &self.integration,
            "tokens" => &self.token,
            _ => &self.bucket,
        };
        let filled = path.replace("{id}", id).replace("{input}", &self.input).replace("{output}", &self.output);
        filled.replace("{bucket}", &self.bucket).replace("{log}", &self.output)
    }

    /// Asks for every operation and checks what comes.
    async fn check(&self, who: &str, client: &Client, expected: impl Fn(&Row) -> Option<u16>) {
        for row in TABLE {
            let (method, path) = row.0.split_once(' ').unwrap();
            let seen = client.ask(method, &self.fill(path), json!({})).await;
            match expected(row) {
                Some(status) => assert_eq!(seen.status, status, "{} by {who}: {}", row.0, seen.text),
                None => {
                    assert_ne!(seen.status, 500, "{} by {who}", row.0);
                    let shown = self.all().into_iter().find(|id| seen.text.contains(id));
                    assert_eq!(shown, None, "{} shows {who} what is the owner's", row.0);
                }
            }
        }
    }
}

fn expected(gets: Gets) -> Option<u16> {
    match gets {
        Own => None,
        NotFound => Some(404),
        Forbidden => Some(403),
        All => Some(200),
    }
}

fn is_open(row: &Row) -> bool {
    let open = operations().into_iter().filter(|operation| operation.is_open);
    open.map(|operation| format!("{} {}", operation.method, operation.path)).any(|operation| operation == row.0)
}

#[tokio::test]
async fn every_operation_refuses_whom_it_must() {
    let house = House::new().await;
    let owner = house.client(1).await;
    let owned = Owned::new(&owner).await;
    let revoked = {
        let made = owner.post("/v1/tokens", Value::Null).await.json(201);
        let (key, secret) = (made["key"].as_str().unwrap(), made["secret"].as_str().unwrap());
        let client = owner.with(key, secret);
        client.get("/v1/user/info").await.json(200);
        owner.delete(&format!("/v1/tokens/{key}")).await.json(200);
        client
    };
    let unauthorized = [
        ("nobody", owner.presenting(None)),
        ("a wrong secret", owner.with(&owned.token, "wrong")),
        ("a session for another audience", owner.presenting(Some(session(&owner, &owned.token).await))),
        ("a revoked token", revoked),
    ];
    for (who, client) in &unauthorized {
        owned.check(who, client, |row| Some(if is_open(row) { 200 } else { 401 })).await;
    }
    let disabled = house.further(&owner, 1, Scopes::default(), ApiAccess::Disabled).await;
    owned.check("a token without API", &disabled, |row| Some(if is_open(row) { 200 } else { 403 })).await;
    let other = house.client(2).await;
    eventually("the other copy has all of it", async || other.store.directory().integrations().len() == 1).await;
    owned.check("another account", &other, |row| expected(row.1)).await;
    let scopes = Scopes { buckets: vec!["other".to_owned()], tunnels: Vec::new() };
    let limited = house.further(&owner, 1, scopes, ApiAccess::Enabled).await;
    owned.check("a token for another bucket", &limited, |row| expected(row.2)).await;
}

/// A good session token of that token, for dispatchers.
async fn session(owner: &Client, token: &str) -> String {
    let token = owner.store.directory().token(token.parse().unwrap()).unwrap().record;
    let signer = Signer::generate().unwrap();
    owner.store.directory().create(&signer.public_key()).await.unwrap();
    let now = crate::write::now().seconds();
    let claims = Claims {
        id: Uuid::new_v4(),
        account: token.account,
        token: token.id,
        generation: token.generation,
        audience: Audience::Dispatcher,
        issued_at: now,
        expires_at: now + 600,
    };
    format!("Bearer {}", signer.sign(&claims).unwrap())
}

#[tokio::test]
async fn every_route_has_a_row_and_a_description() {
    let house = House::new().await;
    let owner = house.client(1).await;
    let mut served = BTreeSet::new();
    for (path, _) in routes() {
        for method in METHODS {
            // What is no id is not found, whatever the method does.
            let filled = path.replace(['{', '}'], "");
            if owner.presenting(None).ask(method, &filled, Value::Null).await.status != 405 {
                served.insert(format!("{method} {path}"));
            }
        }
    }
    let rows: BTreeSet<_> = TABLE.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(served, rows);
    let described: BTreeSet<_> =
        operations().iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    assert_eq!(served, described);
}
