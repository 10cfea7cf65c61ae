//! What is kept of heads.

use http::Request as HttpRequest;

use super::*;
use crate::head::Parsed;

fn head(text: &str) -> RawHead {
    match RawHead::parse(text.as_bytes()) {
        Parsed::Whole(_, head, _) => head,
        Parsed::Partial | Parsed::Http2 => panic!("no whole head"),
    }
}

fn text(headers: &[Header]) -> String {
    let line = |h: &Header| format!("{}={}", h.name.escape_ascii(), h.value.escape_ascii());
    headers.iter().map(line).collect::<Vec<_>>().join(",")
}

fn parts(request: http::request::Builder) -> Parts {
    request.version(Version::HTTP_2).body(()).unwrap().into_parts().0
}

#[test]
fn an_http_1_head_is_kept_as_written() {
    let captured = Captured::from_head(head(
        "POST /v1/webhooks/x/y?z HTTP/1.1\r\nX-b: 1\r\nHost: a\r\nx-B:2 \r\ncontent-LENGTH: 007\r\nX-b:\r\n\r\n",
    ))
    .unwrap();
    assert_eq!(text(&captured.headers), "X-b=1,Host=a,x-B=2,content-LENGTH=007,X-b=");
    assert_eq!((captured.method.as_str(), captured.length, captured.has_body), ("POST", Some(7), true));

    assert_eq!(captured.host(), Some("a"));
    let request = captured.into_request("/left".into(), "[::ffff:192.0.2.1]:80".parse().unwrap(), true);
    assert_eq!((request.peer.as_str(), request.tls, request.has_body), ("192.0.2.1", true, true));
    assert_eq!((request.extra_path.as_ref(), request.query.as_deref()), (&b"/left"[..], Some(&b"z"[..])));
}

#[test]
fn a_message_without_framing_fields_has_no_body() {
    let captured = Captured::from_head(head("POST / HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
    assert_eq!((captured.length, captured.has_body), (None, false));
    let captured =
        Captured::from_head(head("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")).unwrap();
    assert_eq!((captured.length, captured.has_body), (None, true));
}

#[test]
fn http_1_without_a_good_head_is_refused() {
    let parts = HttpRequest::builder().uri("/").body(()).unwrap().into_parts().0;
    assert_eq!(Captured::of(None, &parts, true), Err(Refusal::Unseen));
    let bad = head("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(Captured::of(Some(bad), &parts, true), Err(Refusal::Host));
}

#[test]
fn an_http_2_request_tells_its_authority_as_host_and_joins_its_cookies() {
    let request = HttpRequest::builder()
        .uri("https://relay.example/v1/webhooks/x/%2e?q")
        .header("x-a", "1")
        .header("cookie", "a=b")
        .header("x-a", "2")
        .header("cookie", "c=d");
    let captured = Captured::of(None, &parts(request), true).unwrap();
    assert_eq!(text(&captured.headers), "host=relay.example,x-a=1,x-a=2,cookie=a=b; c=d");
    assert_eq!(captured.endpoint.extra_path, "/%2e");
    assert!(!captured.has_body);
}

#[test]
fn an_http_2_request_has_one_host() {
    let same = HttpRequest::builder().uri("https://Relay.example/").header("host", "relay.example");
    assert_eq!(text(&Captured::of(None, &parts(same), true).unwrap().headers), "host=Relay.example");
    let other = HttpRequest::builder().uri("https://relay.example/").header("host", "other.example");
    assert_eq!(Captured::of(None, &parts(other), true), Err(Refusal::Authority));
    let two = HttpRequest::builder().uri("https://a/").header("host", "a").header("host", "a");
    assert_eq!(Captured::of(None, &parts(two), true), Err(Refusal::Host));
    let user = HttpRequest::builder().uri("https://user@a/");
    assert_eq!(Captured::of(None, &parts(user), true), Err(Refusal::Host));
    let list = HttpRequest::builder().uri("/").header("host", "a, b");
    assert_eq!(Captured::of(None, &parts(list), true), Err(Refusal::Host));
}

#[test]
fn an_http_2_request_has_so_many_lines_and_no_more() {
    let with =
        |count| (0..count).fold(HttpRequest::builder().uri("https://a/"), |r, i| r.header(format!("x-{i}"), "a"));
    assert!(Captured::of(None, &parts(with(HEADER_LINES_MAX)), true).is_ok());
    assert_eq!(Captured::of(None, &parts(with(HEADER_LINES_MAX + 1)), true), Err(Refusal::TooManyHeaders));
}
