//! Inputs as clients of the compatible API read and write them.

use model::AccountId;
use model::record::{ANSWER_BYTES_MAX, Answer};
use serde_json::json;
use uuid::Uuid;

use super::*;

const NOW: UnixMs = UnixMs(1_700_000_000_999);

fn fields(json: serde_json::Value) -> Fields {
    Fields::parse(json.to_string().as_bytes()).unwrap()
}

fn bucket() -> record::Bucket {
    let fields = fields(json!({ "name": "demo" }));
    let (account, id) = (AccountId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
    super::super::bucket::read_new(&fields, account, id, NOW).unwrap()
}

fn made(json: serde_json::Value) -> Result<record::Input, Error> {
    read_new(&fields(json), &bucket(), InputId(Uuid::from_u128(3)), NOW)
}

#[track_caller]
fn check_refused(json: serde_json::Value, text: &str) {
    assert_eq!(made(json).unwrap_err().to_string(), text);
}

fn shown(input: &record::Input) -> serde_json::Value {
    serde_json::to_value(Input::new(input, "https://relay.example")).unwrap()
}

#[test]
fn a_new_input_has_every_field() {
    let expected = json!({
        "id": "00000000-0000-0000-0000-000000000003",
        "name": "Default public endpoint",
        "bucket_id": "00000000-0000-0000-0000-000000000002",
        "description": "",
        "url": "https://relay.example/v1/webhooks/00000000-0000-0000-0000-000000000003",
        "function_id": "",
        "headers": {},
        "status_code": 0,
        "body": "",
        "response_from_output": "",
        "response_timeout": 0,
        "response_fallback": null,
        "custom_domain": "",
        "path_prefix": "",
        "strip_path_prefix": false,
        "tls_version": "",
        "legacy_tls": false,
        "signature": null,
        "deduplicate": false,
        "created_by": "",
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_000,
    });
    assert_eq!(shown(&plain(DEFAULT_NAME, &bucket(), InputId(Uuid::from_u128(3)), NOW)), expected);
}

#[test]
fn a_static_answer_is_kept_and_shown() {
    let body = r#"{"message":"test"}"#;
    let input =
        made(json!({ "name": "x", "status_code": 201, "body": body, "headers": { "A": "1", "B": ["2"] } })).unwrap();
    let shown = shown(&input);
    assert_eq!(shown["status_code"], 201);
    assert_eq!(shown["body"], body);
    assert_eq!(shown["headers"], json!({ "A": ["1"], "B": ["2"] }));
}

#[test]
fn what_was_read_can_be_sent_back() {
    let input = made(json!({
        "name": "x", "status_code": 404, "body": "b", "headers": { "A": "1" }, "response_from_output": "anyOutput",
        "response_timeout": 5, "response_fallback": { "status_code": 504, "body": "late" },
        "custom_domain": "hooks.example.com", "path_prefix": "/a", "strip_path_prefix": true,
        "signature": { "provider": "github", "secrets": ["s", "t"], "policy": "mark" }, "deduplicate": true,
    }))
    .unwrap();
    assert_eq!(shown(&input)["url"], "https://hooks.example.com/a");
    assert_eq!(shown(&input)["signature"]["secret_count"], 2);
    assert!(!shown(&input).to_string().contains("secrets"), "they are never shown");
    let mut sent_back = input.clone();
    Change::read(&fields(shown(&input))).unwrap().apply(&mut sent_back).unwrap();
    assert_eq!(sent_back, input);
}

#[test]
fn only_what_is_said_changes() {
    let before = made(json!({ "name": "x", "description": "d", "status_code": 404, "body": "b" })).unwrap();
    let changed = |json| {
        let mut input = before.clone();
        Change::read(&fields(json)).unwrap().apply(&mut input).unwrap();
        input
    };
    let with_answer = |answer| record::Input { answer, ..before.clone() };
    assert_eq!(changed(json!({})), before);
    assert_eq!(changed(json!({ "name": null, "headers": null, "body": null, "status_code": null })), before);
    assert_eq!(changed(json!({ "body": "" })), with_answer(Answer { body: String::new(), ..before.answer.clone() }));
    assert_eq!(changed(json!({ "status_code": 0 })), with_answer(Answer { status: 0, ..before.answer.clone() }));
    assert_eq!(changed(json!({ "name": "y" })), record::Input { name: "y".to_owned(), ..before.clone() });
}

#[test]
fn a_client_in_go_sends_all_its_fields() {
    let json = json!({
        "id": "", "created_at": -62_135_596_800_i64, "updated_at": -62_135_596_800_i64, "name": "x",
        "function_id": "", "bucket_id": "demo", "headers": null, "status_code": 0, "body": "",
        "response_from_output": "", "custom_domain": "", "path_prefix": "", "description": "",
    });
    assert_eq!(made(json).unwrap(), made(json!({ "name": "x" })).unwrap());
}

#[test]
fn statuses_end_a_request() {
    for good in [0, 200, 599] {
        assert_eq!(made(json!({ "name": "x", "status_code": good })).unwrap().answer.status, good);
    }
    for bad in [1, 100, 199] {
        check_refused(
            json!({ "name": "x", "status_code": bad }),
            "status_code: must be 0 (for 200) or from 200 to 599",
        );
    }
    for bad in [-1, 600, 70_000] {
        check_refused(json!({ "name": "x", "status_code": bad }), "status_code: must be a whole number from 0 to 599");
    }
}

#[test]
fn the_answers_body_is_limited() {
    let of = |bytes: usize| made(json!({ "name": "x", "body": "b".repeat(bytes) }));
    assert_eq!(of(ANSWER_BYTES_MAX).unwrap().answer.body.len(), ANSWER_BYTES_MAX);
    assert_eq!(of(ANSWER_BYTES_MAX + 1).unwrap_err().to_string(), "body: has more than 256000 bytes");
    check_refused(json!({ "name": "x", "body": [1, 2] }), "body: must be a text");
}

#[test]
fn a_name_is_needed() {
    check_refused(json!({}), "name: is missing");
    check_refused(json!({ "name": "" }), "name: is missing");
}

#[test]
fn what_is_not_built_yet_is_refused() {
    for field in UNSUPPORTED {
        check_refused(json!({ "name": "x", field: "anyOutput" }), &format!("{field} is not supported yet"));
    }
}

#[test]
fn callers_may_be_made_to_wait() {
    let before = made(json!({ "name": "x", "response_from_output": "anyOutput", "response_timeout": 60 })).unwrap();
    let changed = |json| {
        let mut input = before.clone();
        Change::read(&fields(json))?.apply(&mut input)?;
        Ok::<_, Error>(shown(&input))
    };
    let id = "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11";
    let other = changed(json!({ "response_from_output": id })).unwrap();
    assert_eq!((&other["response_from_output"], &other["response_timeout"]), (&json!(id), &json!(60)));
    let ended = changed(json!({ "response_from_output": "" })).unwrap();
    assert_eq!((&ended["response_from_output"], &ended["response_timeout"]), (&json!(""), &json!(0)));
    for (json, why) in [
        (json!({ "response_from_output": "x" }), "response_from_output: must be anyOutput or the id of an output"),
        (json!({ "response_timeout": 61 }), "response_timeout: must be a whole number from 0 to 60"),
        (
            json!({ "response_fallback": { "status_code": 99 } }),
            "response_fallback.status_code: must be 0 (for 200) or from 200 to 599",
        ),
        (
            json!({ "response_from_output": "", "response_timeout": 5 }),
            "response_from_output: is missing; without it nobody waits",
        ),
    ] {
        assert_eq!(changed(json).unwrap_err().to_string(), why);
    }
    let fallback = changed(json!({ "response_fallback": { "body": "b" } })).unwrap();
    assert_eq!(fallback["response_fallback"], json!({ "status_code": 0, "headers": {}, "body": "b" }));
}

#[test]
fn a_path_goes_with_a_domain() {
    check_refused(json!({ "name": "x", "path_prefix": "/a" }), "path_prefix: needs custom_domain");
    for bad in ["a", "/a b", "/a?b", "/a#b", "/\u{fc}"] {
        let text = "path_prefix: must begin with / and be a path as it stands in a URL";
        check_refused(json!({ "name": "x", "custom_domain": "h.example", "path_prefix": bad }), text);
    }
    let mut input = made(json!({ "name": "x", "custom_domain": "H.example", "path_prefix": "/a" })).unwrap();
    assert_eq!(input.custom_domain, "h.example");
    Change::read(&fields(json!({ "custom_domain": "" }))).unwrap().apply(&mut input).unwrap();
    assert_eq!(input, made(json!({ "name": "x" })).unwrap());
}

#[test]
fn only_the_tls_that_is_spoken_may_be_asked_for() {
    for good in ["", "1.2", "TLSv1.2"] {
        assert!(made(json!({ "name": "x", "tls_version": good, "legacy_tls": false })).is_ok());
    }
    assert!(made(json!({ "name": "x", "tls_version": "1.3" })).is_err());
    check_refused(json!({ "name": "x", "legacy_tls": true }), "legacy_tls: TLS 1.0 and 1.1 are not spoken here");
}

#[test]
fn signatures_are_merged_and_end_with_null() {
    let secrets = |n: usize| json!({ "name": "x", "signature": { "provider": "github", "secrets": vec!["s"; n] } });
    assert!(made(secrets(crate::limits::SIGNING_SECRETS_MAX)).is_ok());
    assert!(made(secrets(crate::limits::SIGNING_SECRETS_MAX + 1)).is_err());
    let before = made(secrets(1)).unwrap();
    let changed = |json| {
        let mut input = before.clone();
        Change::read(&fields(json))?.apply(&mut input)?;
        Ok::<_, Error>(input.signature)
    };
    let signature = changed(json!({ "signature": { "tolerance_seconds": 9 } })).unwrap().unwrap();
    assert_eq!((signature.secrets.len(), signature.tolerance_seconds), (1, 9));
    assert_eq!(changed(json!({ "signature": null })).unwrap(), None);
    let custom = json!({ "provider": "hmac", "custom": { "header": "X-Sig", "prefix": "v1=" } });
    let custom = changed(json!({ "signature": custom })).unwrap().unwrap().custom.unwrap();
    assert_eq!((custom.algorithm.as_str(), custom.header.as_str()), ("sha256", "x-sig"));
    assert!(changed(json!({ "signature": { "provider": "hmac" } })).is_err());
    assert!(changed(json!({ "signature": { "policy": "ignore" } })).is_err());
    check_refused(json!({ "name": "x", "signature": { "provider": "github" } }), "signature: has no secret");
}

#[test]
fn second_tries_are_told_by_the_provider_or_a_header() {
    let of = |said| made(json!({ "name": "x", "deduplicate": said })).map(|input| shown(&input)["deduplicate"].clone());
    assert_eq!(of(json!({ "header": "X-Id" })).unwrap(), json!({ "header": "x-id" }));
    assert_eq!(of(json!(false)).unwrap(), json!(false));
    assert_eq!(of(json!(null)).unwrap(), json!(false));
    assert!(of(json!(true)).is_err(), "there is no provider");
    assert!(of(json!(1)).is_err());
    assert!(of(json!({ "header": "a b" })).is_err());
}
