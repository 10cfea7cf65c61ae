//! Tests of frames, as the known clients write and read them.

use bytes::Bytes;
use uuid::Uuid;

use super::*;

fn subscribed(text: &str) -> (Vec<String>, Option<bool>) {
    match FromClient::read(text) {
        FromClient::Subscribe(buckets, in_base64) => (buckets, in_base64),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn no_bucket_null_and_an_empty_name_all_mean_every_bucket() {
    for buckets in ["", r#","buckets":null"#, r#","buckets":[]"#, r#","buckets":[""]"#] {
        let text = format!(r#"{{"action":"subscribe"{buckets}}}"#);
        assert_eq!(subscribed(&text), (vec![], None), "{text}");
    }
    let (buckets, in_base64) = subscribed(r#"{"action":"subscribe","buckets":["a","b"],"body_base64":true}"#);
    assert_eq!((buckets, in_base64), (vec!["a".to_owned(), "b".to_owned()], Some(true)));
}

#[test]
fn a_pong_with_all_fields_is_a_pong() {
    let text = r#"{"action":"pong","key":"","secret":"","buckets":null}"#;
    assert!(matches!(FromClient::read(text), FromClient::Pong));
}

#[test]
fn credentials_are_read_and_do_not_print() {
    let FromClient::Auth(credentials) = FromClient::read(r#"{"action":"auth","key":"k","secret":"hidden"}"#) else {
        panic!("not read");
    };
    assert_eq!((credentials.key.as_str(), credentials.secret.expose()), ("k", "hidden"));
    assert!(!format!("{credentials:?}").contains("hidden"));
}

#[test]
fn what_is_not_known_is_harmless() {
    for text in ["", "[]", "7", "{}", r#"{"action":"dance"}"#, r#"{"action":7}"#, "not json"] {
        assert!(matches!(FromClient::read(text), FromClient::Unknown), "{text}");
    }
}

#[test]
fn status_frames_are_as_clients_compare_them() {
    for (one, name) in [
        (Status::Authenticated, "authenticated"),
        (Status::Subscribed, "subscribed"),
        (Status::Unauthorized, "unauthorized"),
        (Status::Ping, "ping"),
    ] {
        let json: serde_json::Value = serde_json::from_str(&status(one, "m")).unwrap();
        assert_eq!(json, serde_json::json!({"type": "status", "status": name, "message": "m"}));
    }
}

#[test]
fn a_webhook_frame_has_the_fields_that_clients_read() {
    let id = |n| Uuid::from_u128(n);
    let line = |name: &'static str, value: &'static str| Header { name: name.into(), value: value.into() };
    let lines = [line("host", "h"), line("x-a", "1"), line("X-A", "2"), line("content-type", "t")];
    let (body, body_base64) = body(b"{\"hi\": 1}", false);
    let webhook = Webhook {
        meta: Meta {
            id: DeliveryId(id(1)),
            bucked_id: BucketId(id(2)),
            bucket_id: BucketId(id(2)),
            bucket_name: "123".into(),
            input_id: InputId(id(3)),
            input_name: "in".into(),
            output_name: "out".into(),
            output_destination: "http://localhost:8080/x".into(),
        },
        headers: headers(&lines),
        query: "foo=bar".into(),
        body,
        body_base64,
        method: "PUT".into(),
    };
    let json: serde_json::Value = serde_json::from_str(&webhook.text().unwrap()).unwrap();
    let expected = serde_json::json!({
        "type": "webhook",
        "meta": {
            "id": id(1), "bucked_id": id(2), "bucket_id": id(2), "bucket_name": "123", "input_id": id(3),
            "input_name": "in", "output_name": "out", "output_destination": "http://localhost:8080/x",
        },
        "headers": {"X-A": ["1", "2"], "Content-Type": ["t"]},
        "query": "foo=bar", "body": "{\"hi\": 1}", "method": "PUT",
    });
    assert_eq!(json, expected);
}

#[test]
fn binary_bodies_are_whole_only_in_base64() {
    let bytes = Bytes::from_static(b"\xff\x00a");
    assert_eq!(body(&bytes, false), ("\u{fffd}\0a".to_owned(), None));
    assert_eq!(body(&bytes, true), ("\u{fffd}\0a".to_owned(), Some("/wBh".to_owned())));
}
