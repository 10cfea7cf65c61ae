//! Inputs as clients of the compatible API read and write them.

use model::AccountId;
use model::record::Answer;
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
        "custom_domain": "",
        "path_prefix": "",
        "strip_path_prefix": false,
        "tls_version": "",
        "legacy_tls": false,
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
    let input = made(json!({ "name": "x", "status_code": 404, "body": "b", "headers": { "A": "1" } })).unwrap();
    let mut sent_back = input.clone();
    Change::read(&fields(shown(&input))).unwrap().apply(&mut sent_back);
    assert_eq!(sent_back, input);
}

#[test]
fn only_what_is_said_changes() {
    let before = made(json!({ "name": "x", "description": "d", "status_code": 404, "body": "b" })).unwrap();
    let changed = |json| {
        let mut input = before.clone();
        Change::read(&fields(json)).unwrap().apply(&mut input);
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
