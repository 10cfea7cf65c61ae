//! Header maps come in two forms and go out in one.

use serde_json::json;

use super::*;

fn read_map(map: serde_json::Value) -> Result<Option<Vec<(String, String)>>, Error> {
    read(&Fields::parse(json!({ "headers": map }).to_string().as_bytes()).unwrap(), "headers")
}

fn lines(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn check_refused(map: serde_json::Value, text: &str) {
    assert_eq!(read_map(map).unwrap_err().to_string(), text);
}

#[test]
fn one_text_or_a_list_comes_in() {
    let read = read_map(json!({ "A": "1", "B": ["2", "3"], "C": [] })).unwrap().unwrap();
    assert_eq!(read, lines(&[("A", "1"), ("B", "2"), ("B", "3")]));
    assert_eq!(read_map(json!(null)).unwrap(), None);
    assert_eq!(read_map(json!({})).unwrap(), Some(Vec::new()));
}

#[test]
fn lists_go_out_in_the_order_of_the_lines() {
    let lines = lines(&[("X-Z", "1"), ("A", "2"), ("x-z", "3")]);
    assert_eq!(serde_json::to_string(&Headers(&lines)).unwrap(), r#"{"X-Z":["1","3"],"A":["2"]}"#);
    assert_eq!(serde_json::to_string(&Headers(&[])).unwrap(), "{}");
}

#[test]
fn what_is_no_header_is_refused() {
    check_refused(json!({ "A B": "1" }), "headers: has a name that is not a header name");
    check_refused(json!({ "": "1" }), "headers: has a name that is not a header name");
    check_refused(json!({ "A\r\nB": "1" }), "headers: has a name that is not a header name");
    check_refused(json!({ "A": "1\r\nB: 2" }), "headers.A: has a character that cannot stand in a header");
    check_refused(json!({ "A": "\u{0}" }), "headers.A: has a character that cannot stand in a header");
    check_refused(json!({ "A": 1 }), "headers.A: must be a text or a list of texts");
    check_refused(json!({ "A": [["1"]] }), "headers.A: must be a text or a list of texts");
    check_refused(json!({ "A": null }), "headers.A: must be a text or a list of texts");
    check_refused(json!(["A: 1"]), "headers: must be an object");
}

#[test]
fn the_relays_own_headers_are_refused_also_without_a_value() {
    for name in ["Host", "content-length", "Transfer-Encoding", "Connection", "Relay-Event-Id"] {
        let text = format!("headers: {name} is set by the relay and cannot be changed");
        check_refused(json!({ name: "1" }), &text);
        check_refused(json!({ name: [] }), &text);
    }
}

#[test]
fn lines_and_bytes_are_limited() {
    let many = |count: usize| json!({ "A": vec!["1"; count] });
    assert_eq!(read_map(many(HEADERS_MAX)).unwrap().unwrap().len(), HEADERS_MAX);
    check_refused(many(HEADERS_MAX + 1), "headers: has more than 64 lines");
    let long = |bytes: usize| json!({ "A": "x".repeat(bytes - 1) });
    assert!(read_map(long(HEADERS_BYTES_MAX)).is_ok());
    check_refused(long(HEADERS_BYTES_MAX + 1), "headers: has more than 16384 bytes");
    check_refused(json!({ "x".repeat(1024 * 1024): "1" }), "headers: has a name that is not a header name");
}
