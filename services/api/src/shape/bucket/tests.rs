//! Buckets as clients of the compatible API read and write them.

use serde_json::json;
use uuid::Uuid;

use super::*;

fn fields(json: serde_json::Value) -> Fields {
    Fields::parse(json.to_string().as_bytes()).unwrap()
}

fn made(json: serde_json::Value) -> Result<record::Bucket, Error> {
    read_new(&fields(json), AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)), UnixMs(1_700_000_000_999))
}

#[track_caller]
fn check_refused(json: serde_json::Value, text: &str) {
    assert_eq!(made(json).unwrap_err().to_string(), text);
}

fn shown(bucket: &record::Bucket) -> serde_json::Value {
    serde_json::to_value(Bucket::new(bucket, Related::default())).unwrap()
}

#[test]
fn a_new_bucket_has_every_field() {
    let expected = json!({
        "id": "00000000-0000-0000-0000-000000000002",
        "name": "demo",
        "description": "",
        "account_id": "00000000-0000-0000-0000-000000000001",
        "auth": {
            "id": "", "type": "none", "username": "", "password": "", "token": "", "created_at": 0, "updated_at": 0,
        },
        "inputs": [],
        "outputs": [],
        "service_connection_inputs": [],
        "service_connection_outputs": [],
        "integration_configurations": [],
        "stream": true,
        "ephemeral": false,
        "window_seconds": 600,
        "retention_seconds": 0,
        "canary_seconds": 0,
        "large_webhooks": false,
        "static_ip": false,
        "suspended": false,
        "cron_id": "",
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_000,
    });
    assert_eq!(shown(&made(json!({ "name": "demo" })).unwrap()), expected);
}

#[test]
fn what_was_read_can_be_sent_back() {
    let said = json!({
        "name": "demo", "description": "d", "ephemeral": true, "large_webhooks": true, "retention_seconds": 60,
    });
    let bucket = made(said).unwrap();
    assert!(bucket.large_webhooks && bucket.retention_seconds == 60);
    let mut sent_back = bucket.clone();
    Change::read(&fields(shown(&bucket))).unwrap().apply(&mut sent_back).unwrap();
    assert_eq!(sent_back, bucket);
}

#[test]
fn only_what_is_said_changes() {
    let before = made(json!({ "name": "demo", "description": "d", "stream": true, "window_seconds": 60 })).unwrap();
    let changed = |json| {
        let mut bucket = before.clone();
        Change::read(&fields(json)).unwrap().apply(&mut bucket).unwrap();
        bucket
    };
    assert_eq!(changed(json!({})), before);
    assert_eq!(changed(json!({ "name": null, "description": null, "stream": null, "auth": null })), before);
    assert_eq!(changed(json!({ "name": "" })), before);
    assert_eq!(changed(json!({ "description": "" })), record::Bucket { description: String::new(), ..before.clone() });
    assert_eq!(changed(json!({ "stream": false })), record::Bucket { stream: false, ..before.clone() });
    assert_eq!(changed(json!({ "window_seconds": 5 })), record::Bucket { window_seconds: 5, ..before.clone() });
    assert_eq!(changed(json!({ "name": "other" })).name.as_str(), "other");
}

#[test]
fn a_client_in_go_sends_all_its_fields() {
    let json = json!({
        "id": "", "created_at": -62_135_596_800_i64, "updated_at": -62_135_596_800_i64, "name": "demo",
        "description": "", "stream": true, "ephemeral": false, "suspended": false, "large_webhooks": false,
        "auth": { "type": "none" }, "inputs": null, "outputs": null,
    });
    assert_eq!(made(json).unwrap(), made(json!({ "name": "demo" })).unwrap());
}

#[test]
fn ephemeral_stays_what_it_was() {
    for (before, after) in [(false, true), (true, false)] {
        let mut bucket = made(json!({ "name": "demo", "ephemeral": before })).unwrap();
        let change = Change::read(&fields(json!({ "ephemeral": after }))).unwrap();
        let error = change.apply(&mut bucket).unwrap_err();
        assert_eq!(error.to_string(), "ephemeral: cannot be changed once the bucket is made; make a new bucket");
        assert_eq!(bucket.ephemeral, before);
    }
}

#[test]
fn names_and_windows_are_checked() {
    check_refused(json!({}), "name: is missing");
    check_refused(json!({ "name": "" }), "name: is missing");
    check_refused(json!({ "name": "a" }), "name: a name has at least 2 characters");
    check_refused(
        json!({ "name": "a b" }),
        "name: a name starts with a letter or digit and has only letters, digits and ~ _ . -",
    );
    check_refused(json!({ "name": "x".repeat(1024 * 1024) }), "name: has more than 128 bytes");
    check_refused(json!({ "name": 5 }), "name: must be a text");
    for window in [0, 604_801] {
        check_refused(
            json!({ "name": "demo", "window_seconds": window }),
            "window_seconds: must be a whole number from 1 to 604800",
        );
    }
    check_refused(
        json!({ "name": "demo", "retention_seconds": 604_801 }),
        "retention_seconds: must be a whole number from 0 to 604800",
    );
    assert_eq!(made(json!({ "name": "demo", "retention_seconds": 604_800 })).unwrap().retention_seconds, 604_800);
    assert_eq!(made(json!({ "name": "demo", "window_seconds": 604_800 })).unwrap().window_seconds, 604_800);
}

#[test]
fn what_is_not_built_yet_is_refused() {
    check_refused(json!({ "name": "demo", "static_ip": true }), "static_ip is not supported yet");
    check_refused(
        json!({ "name": "demo", "service_connection_inputs": [{ "id": "x" }] }),
        "service_connection_inputs is not supported yet",
    );
    check_refused(
        json!({ "name": "demo", "inputs": [{ "name": "x" }] }),
        "inputs: are made with POST /v1/buckets/{id}/inputs",
    );
}

#[test]
fn a_canary_is_off_or_comes_within_bounds() {
    let asked = |seconds: u32| made(json!({ "name": "demo", "canary_seconds": seconds }));
    for seconds in [0, 10, 86_400] {
        assert_eq!(asked(seconds).unwrap().canary_seconds, seconds);
    }
    for seconds in [1, 9, 86_401] {
        assert!(asked(seconds).is_err(), "{seconds}");
    }
}
