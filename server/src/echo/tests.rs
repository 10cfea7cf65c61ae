//! What is printed.

use super::*;

fn seen(body: &'static [u8]) -> Seen {
    Seen {
        method: "POST".to_owned(),
        target: "/x?y=\u{1b}[2J".to_owned(),
        headers: vec![("X-One".to_owned(), "a".to_owned())],
        body: Bytes::from_static(body),
    }
}

#[test]
fn a_terminal_is_not_commanded() {
    let text = seen(b"{\"a\":1}").as_text();
    assert_eq!(text, "POST /x?y=\\u{1b}[2J\n  X-One: a\n\n  {\"a\":1}\n");
    assert!(seen(&[0xff, 0]).as_text().ends_with("(2 bytes)\n"));
    assert!(seen(b"").as_text().ends_with("(no body)\n"));
}

#[test]
fn json_holds_the_exact_body() {
    let json: serde_json::Value = serde_json::from_str(&seen(&[0xff, 0]).as_json()).unwrap();
    assert_eq!(json["body"], "/wA=");
    assert_eq!(json["headers"][0][0], "X-One");
}
