//! What a client may send, one whole example of each kind. A test has each taken.

use serde_json::{Value, json};

/// What is asked for.
pub(super) struct Asked {
    /// The name of its schema.
    pub(super) name: &'static str,
    /// What must be there when something new is made.
    pub(super) needed: &'static [&'static str],
    /// Everything that may be said.
    pub(super) example: Value,
}

/// Each kind.
pub(super) fn all() -> Vec<Asked> {
    let one = |name, needed, example| Asked { name, needed, example };
    vec![
        one("BucketChange", &["name"], bucket()),
        one("InputChange", &["name"], input()),
        one("OutputChange", &["destination"], output()),
        one("Rules", &[], rules()),
        one("CronChange", &["name", "schedule", "destination"], cron()),
        one("DomainChange", &["domain"], json!({ "domain": "hooks.example.com" })),
        one("IntegrationChange", &["plugin", "configuration"], integration()),
        one("BucketId", &["bucket_id"], json!({ "bucket_id": "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11" })),
        one("TokenChange", &[], token()),
        one("LogReport", &[], report()),
        one("LogAction", &["action"], action()),
        one("ReplayPlan", &["bucket"], replay()),
    ]
}

fn bucket() -> Value {
    json!({
        "name": "orders",
        "description": "from the shop",
        "auth": { "type": "basic", "username": "shop", "password": "a password", "token": "" },
        "stream": true,
        "ephemeral": false,
        "window_seconds": 600,
        "retention_seconds": 86_400,
        "canary_seconds": 0,
        "large_webhooks": false,
    })
}

fn input() -> Value {
    json!({
        "name": "shop",
        "description": "the shop's webhooks",
        "headers": { "X-Answer": ["1"] },
        "status_code": 202,
        "body": "taken",
        "response_from_output": "anyOutput",
        "response_timeout": 5,
        "response_fallback": { "status_code": 504, "headers": { "X-Answer": ["2"] }, "body": "later" },
        "custom_domain": "",
        "path_prefix": "",
        "strip_path_prefix": false,
        "signature": {
            "provider": "hmac",
            "secrets": ["a secret"],
            "policy": "reject",
            "tolerance_seconds": 300,
            "custom": {
                "algorithm": "sha256",
                "header": "X-Signature",
                "encoding": "hex",
                "prefix": "sha256=",
                "template": "{body}",
                "timestamp_header": "",
            },
        },
        "deduplicate": { "header": "X-Delivery" },
    })
}

fn output() -> Value {
    json!({
        "name": "app",
        "description": "on the laptop",
        "destination": "http://localhost:8080/hook",
        "internal": true,
        "disabled": false,
        "lock_path": false,
        "timeout": 30,
        "retries": 3,
        "tls_verification": true,
        "headers": { "Authorization": ["Bearer x"] },
        "rules": rules(),
        "durability": {
            "enabled": true,
            "schedule": "custom",
            "custom_delays": [1_000_000_000_u64],
            "deadline": 60_000_000_000_u64,
            "handoff_after": 0,
        },
        "throttle": {
            "enabled": true,
            "mode": "rate",
            "rate": 10,
            "interval": "second",
            "max_concurrent": 0,
            "max_queue_depth": 100,
            "deadline": 0,
        },
        "order": { "key": { "header": "X-Order" } },
        "circuit": { "enabled": true, "failures": 5, "open_seconds": 30, "pause_after_seconds": 0 },
        "resign_secret": "whsec_ZGVzdGluYXRpb24ncyBzZWNyZXQ=",
    })
}

fn rules() -> Value {
    let parameter = json!({ "source": "header", "name": "X-Event" });
    json!({ "match": { "type": "value", "value": "push", "parameter": parameter } })
}

fn cron() -> Value {
    json!({
        "name": "nightly",
        "enabled": true,
        "recurring": true,
        "schedule": "0 3 * * *",
        "timezone": "Europe/Vilnius",
        "method": "POST",
        "payload": "{}",
        "headers": { "X-Cron": ["1"] },
        "destination": "http://localhost:8080/nightly",
        "starts_at": "2030-01-01T00:00:00Z",
        "ends_at": "2031-01-01T00:00:00Z",
    })
}

fn integration() -> Value {
    json!({
        "plugin": "webhook",
        "description": "tells the team",
        "disabled": false,
        "events": ["forwarding.delivery.error"],
        "configuration": { "webhook_url": "https://hooks.example.com/alert" },
    })
}

fn token() -> Value {
    json!({
        "description": "of the laptop",
        "scopes": { "buckets": ["orders"], "tunnels": [] },
        "api_access": "enabled",
        "active": true,
    })
}

fn report() -> Value {
    json!({
        "status": "sent",
        "status_code": 201,
        "duration_ms": 12,
        "response_headers": { "X-Answer": ["1"] },
        "response_body": "YmFuYW5h",
    })
}

fn action() -> Value {
    json!({ "action": "resend", "output": "app", "process_policy": "skip", "resign": false })
}

fn replay() -> Value {
    json!({
        "bucket": "orders",
        "output": "app",
        "from": "2026-01-31T12:00:00Z",
        "to": "2026-02-01",
        "filters": { "status": "failed", "output": "app", "input": "shop", "method": "POST", "status_code": 500 },
        "dry_run": true,
        "resign": false,
    })
}
