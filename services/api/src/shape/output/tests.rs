//! Outputs as clients of the compatible API read and write them.

use model::AccountId;
use serde_json::json;
use uuid::Uuid;

use super::*;

const NOW: UnixMs = UnixMs(1_700_000_000_999);
const DESTINATION: &str = "http://localhost:8080/x";

fn fields(json: serde_json::Value) -> Fields {
    Fields::parse(json.to_string().as_bytes()).unwrap()
}

fn made(json: serde_json::Value) -> Result<record::Output, Error> {
    let bucket = fields(self::json!({ "name": "demo" }));
    let (account, id) = (AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
    let bucket = super::super::bucket::read_new(&bucket, account, id, NOW).unwrap();
    read_new(&fields(json), &bucket, OutputId(Uuid::from_u128(3)), NOW)
}

#[track_caller]
fn check_refused(json: serde_json::Value, text: &str) {
    assert_eq!(made(json).unwrap_err().to_string(), text);
}

fn shown(output: &record::Output) -> serde_json::Value {
    serde_json::to_value(Output::new(output, None)).unwrap()
}

#[test]
fn a_new_output_has_every_field() {
    let expected = json!({
        "id": "00000000-0000-0000-0000-000000000003",
        "name": "out",
        "bucket_id": "00000000-0000-0000-0000-000000000002",
        "cron_id": "",
        "function_id": "",
        "response_function_id": "",
        "headers": {},
        "destination": "http://localhost:8080/x",
        "disabled": false,
        "lock_path": false,
        "internal": false,
        "timeout": 0,
        "retries": 0,
        "tls_verification": true,
        "rules": {},
        "description": "",
        "created_by": "",
        "durability": { "enabled": false, "schedule": "seconds", "custom_delays": [], "deadline": 0, "handoff_after": 0 },
        "throttle": {
            "enabled": false, "mode": "rate", "rate": 0, "interval": "second", "max_concurrent": 0,
            "max_queue_depth": 0, "deadline": 0,
        },
        "order": "arrival",
        "circuit": { "enabled": true, "failures": 0, "open_seconds": 0, "pause_after_seconds": 0 },
        "can_resign": false,
        "paused": null,
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_000,
    });
    assert_eq!(shown(&made(json!({ "name": "out", "destination": DESTINATION })).unwrap()), expected);
}

#[test]
fn everything_that_is_said_is_kept() {
    let said = json!({
        "name": "out", "destination": DESTINATION, "description": "d", "internal": true, "disabled": true,
        "lock_path": true, "timeout": 180, "retries": -1, "tls_verification": false, "headers": { "A": ["1"] },
        "rules": { "match": { "type": "value", "parameter": { "source": "header", "name": "X" }, "value": "1" } },
    });
    let shown = shown(&made(said.clone()).unwrap());
    for (field, value) in said.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
    }
}

#[test]
fn what_was_read_can_be_sent_back() {
    let output = made(json!({ "destination": DESTINATION, "internal": true, "headers": { "A": "1" } })).unwrap();
    let mut sent_back = output.clone();
    Change::read(&fields(shown(&output))).unwrap().apply(&mut sent_back).unwrap();
    assert_eq!(sent_back, output);
}

#[test]
fn only_what_is_said_changes() {
    let before =
        made(json!({ "destination": DESTINATION, "internal": true, "timeout": 5, "headers": { "A": "1" } })).unwrap();
    let changed = |json| {
        let mut output = before.clone();
        Change::read(&fields(json)).unwrap().apply(&mut output).unwrap();
        output
    };
    assert_eq!(changed(json!({})), before);
    assert_eq!(changed(json!({ "internal": null, "headers": null, "timeout": null, "destination": null })), before);
    assert_eq!(changed(json!({ "name": "", "destination": "" })), before);
    assert_eq!(changed(json!({ "headers": {} })), record::Output { headers: Vec::new(), ..before.clone() });
    assert_eq!(changed(json!({ "timeout": 10 })), record::Output { timeout_seconds: 10, ..before.clone() });
    assert_eq!(changed(json!({ "internal": false })), record::Output { internal: false, ..before.clone() });
    let secret = || Some(SigningSecret("whsec_AAAA".to_owned()));
    assert_eq!(
        changed(json!({ "resign_secret": "whsec_AAAA" })),
        record::Output { resign_secret: secret(), ..before.clone() }
    );
    let mut signing = record::Output { resign_secret: secret(), ..before.clone() };
    Change::read(&fields(json!({ "resign_secret": "" }))).unwrap().apply(&mut signing).unwrap();
    assert_eq!(signing, before);
    assert_eq!(changed(json!({ "disabled": true })), record::Output { disabled: true, ..before.clone() });
}

#[test]
fn without_a_name_it_is_named_after_its_destination() {
    assert_eq!(made(json!({ "destination": DESTINATION })).unwrap().name, DESTINATION);
    let long = format!("http://localhost/{}", "x".repeat(LABEL_BYTES_MAX));
    check_refused(json!({ "destination": long }), "name: is missing, and the destination is too long to be one");
}

#[test]
fn destinations_are_checked() {
    check_refused(json!({ "name": "x" }), "destination: is missing");
    for (bad, why) in [
        ("localhost:8080", "destination must start with http:// or https://"),
        ("ftp://x", "destination must start with http:// or https://"),
        ("http://", "destination has no valid host"),
        (
            "http://u:p@x",
            "destination must not carry user and password; set an Authorization header on the output instead",
        ),
        ("http://x/a b", "destination has a space or control character"),
    ] {
        check_refused(json!({ "name": "x", "destination": bad }), &format!("destination: {why}"));
    }
    let of = |bytes: usize| {
        let url = format!("http://x/{}", "y".repeat(bytes - "http://x/".len()));
        made(json!({ "name": "x", "destination": url }))
    };
    assert!(of(DESTINATION_BYTES_MAX).is_ok());
    assert_eq!(of(DESTINATION_BYTES_MAX + 1).unwrap_err().to_string(), "destination: has more than 2048 bytes");
}

#[test]
fn timeouts_and_retries_are_limited() {
    let of = |field: &str, value: i32| made(json!({ "destination": DESTINATION, field: value }));
    for (field, min, max) in [("timeout", 0, 180), ("retries", -1, RETRIES_MAX)] {
        assert!(of(field, min).is_ok() && of(field, max).is_ok());
        for bad in [min - 1, max + 1] {
            let text = format!("{field}: must be a whole number from {min} to {max}");
            assert_eq!(of(field, bad).unwrap_err().to_string(), text);
        }
    }
}

#[test]
fn what_is_not_built_yet_is_refused() {
    for (field, value) in [
        ("function_id", json!("f")),
        ("response_function_id", json!("f")),
        ("replay_missing", json!({ "enabled": true })),
    ] {
        let text = format!("{field} is not supported yet");
        check_refused(json!({ "destination": DESTINATION, field: value }), &text);
    }
}

#[test]
fn rules_are_read_replaced_and_cleared() {
    let rules = json!({ "match": { "type": "substring", "parameter": { "source": "body" }, "substring": "x" } });
    let mut output = made(json!({ "destination": DESTINATION, "rules": rules })).unwrap();
    let change = |json| Change::read(&fields(json)).unwrap();
    change(json!({ "rules": null })).apply(&mut output).unwrap();
    assert_eq!(shown(&output)["rules"], rules);
    change(json!({ "rules": {} })).apply(&mut output).unwrap();
    assert_eq!((&output.rules, &shown(&output)["rules"]), (&None, &json!({})));
    check_refused(json!({ "destination": DESTINATION, "rules": { "and": 1 } }), "rules.and: must be a list");
}
