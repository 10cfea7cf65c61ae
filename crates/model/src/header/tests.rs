//! Tests of the forwarded header lines.

use uuid::Uuid;

use super::*;

fn request(headers: &[(&str, &str)], body: &[u8]) -> Request {
    Request {
        method: "POST".into(),
        headers: headers.iter().map(|(n, v)| line(n, v)).collect(),
        body: Bytes::copy_from_slice(body),
        body_bytes: body.len() as u64,
        has_body: !body.is_empty(),
        peer: "192.0.2.7".into(),
        tls: true,
        ..Request::default()
    }
}

fn check(headers: &[(&str, &str)], overrides: &[(&str, &str)], expected: &[&str]) {
    let overrides: Vec<_> = overrides.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let lines = forwarded(&request(headers, b"hello"), "dest:1", &overrides, EventId(Uuid::nil()), 3);
    let text = |h: &Header| format!("{}: {}", String::from_utf8_lossy(&h.name), String::from_utf8_lossy(&h.value));
    let lines: Vec<_> =
        lines.iter().map(text).filter(|l| !l.starts_with("X-Forwarded-") && !l.starts_with("Relay-")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn order_case_and_duplicates_are_kept() {
    check(
        &[("hOST", "pub"), ("X-b", "1"), ("x-A", "2"), ("X-B", "3"), ("Content-LENGTH", "5"), ("X-c", "")],
        &[],
        &["Host: dest:1", "X-b: 1", "x-A: 2", "X-B: 3", "Content-LENGTH: 5", "X-c: "],
    );
}

#[test]
fn lines_of_the_connection_are_left_out() {
    check(
        &[
            ("Connection", "close, X-Gone , content-type"),
            ("X-Gone", "1"),
            ("Content-Type", "a/b"),
            ("Transfer-Encoding", "chunked"),
            ("TE", "trailers"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "x"),
            ("Keep-Alive", "1"),
            ("Proxy-Authorization", "x"),
            ("Expect", "100-continue"),
            ("Relay-Event-Id", "spoofed"),
        ],
        &[],
        &["Host: dest:1", "Content-Type: a/b", "Content-Length: 5"],
    );
}

#[test]
fn overrides_replace_in_place_or_come_after() {
    check(
        &[("A", "1"), ("b", "2"), ("a", "3")],
        &[("a", "new"), ("C", "added"), ("Host", "evil"), ("Transfer-Encoding", "chunked")],
        &["Host: dest:1", "a: new", "b: 2", "Content-Length: 5", "C: added"],
    );
}

#[test]
fn the_relay_says_who_called_and_which_event_it_is() {
    let lines = forwarded(
        &request(&[("Host", "pub.example"), ("X-Forwarded-For", "10.0.0.1")], b""),
        "d",
        &[],
        EventId(Uuid::nil()),
        3,
    );
    let all = |name: &str| lines.iter().filter(|h| h.is(name)).map(|h| h.value.clone()).collect::<Vec<_>>();
    assert_eq!(all("x-forwarded-for"), ["10.0.0.1", "192.0.2.7"]);
    assert_eq!(all("x-forwarded-host"), ["pub.example"]);
    assert_eq!(all("x-forwarded-proto"), ["https"]);
    assert_eq!(all(EVENT_ID), ["00000000-0000-0000-0000-000000000000"]);
    assert_eq!(all(ATTEMPT), ["3"]);
    assert!(all("content-length").is_empty());
}
