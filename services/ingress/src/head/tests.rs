//! Heads taken apart.

use super::*;

fn parse(bytes: &[u8]) -> (usize, RawHead, Framing) {
    match RawHead::parse(bytes) {
        Parsed::Whole(len, head, framing) => (len, head, framing),
        Parsed::Partial | Parsed::Http2 => panic!("no whole head"),
    }
}

#[test]
fn a_head_is_kept_byte_for_byte() {
    let bytes = b"PoSt /a%2F?b HTTP/1.0\r\nX-B:\r\nx-a: \xff \t\r\nX-B:  c  d\r\nContent-Length: 3\r\n\r\nabcGET";
    let (len, head, framing) = parse(bytes);
    assert_eq!((len, framing, head.refusal), (bytes.len() - 6, Framing::Length(3), None));
    assert_eq!((&head.method[..], &head.target[..], head.version), (&b"PoSt"[..], &b"/a%2F?b"[..], Version::HTTP_10));
    let lines: Vec<(&[u8], &[u8])> = head.headers.iter().map(|h| (&h.name[..], &h.value[..])).collect();
    let expected: [(&[u8], &[u8]); 4] =
        [(b"X-B", b""), (b"x-a", b"\xff"), (b"X-B", b"c  d"), (b"Content-Length", b"3")];
    assert_eq!(lines, expected);
}

#[test]
fn the_framing_is_the_one_that_is_written() {
    let framing = |lines: &str| parse(format!("GET /v1/socket HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes()).2;
    assert_eq!(framing(""), Framing::Length(0));
    assert_eq!(framing("content-length: 00018446744073709551615\r\n"), Framing::Length(u64::MAX));
    assert_eq!(framing("TRANSFER-ENCODING: Chunked\r\n"), Framing::Chunked);
    assert_eq!(framing("Connection: Upgrade, keep-alive\r\nUpgrade: h2c, WebSocket\r\n"), Framing::Upgrade);
    assert_eq!(framing("Upgrade: websocket\r\nContent-Length: 0\r\n"), Framing::Upgrade);
    assert_eq!(framing("Upgrade: h2c\r\n"), Framing::Length(0));
}

#[test]
fn lengths_that_are_no_plain_number_are_refused() {
    for length in ["", "+3", "-1", "0x3", "3, 3", "3 3", "1e1", "18446744073709551616", "\u{b2}"] {
        let head = parse(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes()).1;
        assert_eq!(head.refusal, Some(Refusal::ContentLength), "{length}");
    }
}

#[test]
fn targets_of_every_allowed_form_pass() {
    for (line, host) in [
        ("GET /", "a"),
        ("GET //b/c", "a"),
        ("OPTIONS *", "a"),
        ("GET http://A:80/x?y", "a:80"),
        ("GET https://a?y", "a"),
        ("GET /http://b/", "a"),
        ("GET /", "[::1]:8080"),
        ("GET /", ""),
    ] {
        let head = parse(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).1;
        assert_eq!(head.refusal, None, "{line} {host}");
    }
    assert_eq!(parse(b"GET http://a/ HTTP/1.0\r\n\r\n").1.refusal, None);
    assert_eq!(parse(b"GET http:/// HTTP/1.0\r\n\r\n").1.refusal, Some(Refusal::Target));
    assert_eq!(parse(b"GET http://u@a/ HTTP/1.0\r\n\r\n").1.refusal, Some(Refusal::Target));
}
