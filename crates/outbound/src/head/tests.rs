//! Tests of the request head.

use super::*;

fn lines(lines: &[(&str, &str)]) -> Vec<Header> {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    lines.iter().map(|(name, value)| Header { name: bytes(name), value: bytes(value) }).collect()
}

#[test]
fn parts_stand_in_the_head_as_they_are() {
    let lines = lines(&[("hOST", "a:1"), ("X-a", "1"), ("x-A", ""), ("X-a", "\u{e9} \t2"), ("content-LENGTH", "3")]);
    let head = Head::new("pUt", b"/a/%2e/\xff?b=%20&&", &lines, 3).unwrap();
    let expected = b"pUt /a/%2e/\xff?b=%20&& HTTP/1.1\r\nhOST: a:1\r\nX-a: 1\r\nx-A: \r\nX-a: \xc3\xa9 \t2\r\ncontent-LENGTH: 3\r\n\r\n";
    assert_eq!(head.bytes(), &expected[..]);
}

#[test]
fn what_is_not_one_request_is_refused() {
    let check = |method: &str, target: &[u8], parts: &[(&str, &str)], body_bytes: u64, expected: InvalidHead| {
        let result = Head::new(method, target, &lines(parts), body_bytes);
        assert_eq!(result.err(), Some(expected), "{method} {target:?} {parts:?}");
    };
    check("", b"/", &[], 0, InvalidHead::Method);
    check("GET /", b"/", &[], 0, InvalidHead::Method);
    check("CONNECT", b"/", &[], 0, InvalidHead::Method);
    check("GET", b"", &[], 0, InvalidHead::Target);
    check("GET", b"/a b", &[], 0, InvalidHead::Target);
    check("GET", b"/\r\n", &[], 0, InvalidHead::Target);
    check("GET", b"/", &[("", "x")], 0, InvalidHead::Line);
    check("GET", b"/", &[("a b", "x")], 0, InvalidHead::Line);
    check("GET", b"/", &[("a:", "x")], 0, InvalidHead::Line);
    check("GET", b"/", &[("a", "x\r\nb: y")], 0, InvalidHead::Line);
    check("GET", b"/", &[("a", "x\ny")], 0, InvalidHead::Line);
    check("GET", b"/", &[("a", "\0")], 0, InvalidHead::Line);
    check("POST", b"/", &[], 1, InvalidHead::Framing);
    check("POST", b"/", &[("Content-Length", "2")], 1, InvalidHead::Framing);
    check("POST", b"/", &[("Content-Length", "+1")], 1, InvalidHead::Framing);
    check("POST", b"/", &[("Content-Length", "1"), ("content-length", "1")], 1, InvalidHead::Framing);
    check("POST", b"/", &[("Content-Length", "1"), ("Transfer-Encoding", "chunked")], 1, InvalidHead::Framing);
    check("GET", b"/", &[("X", &"x".repeat(HEAD_BYTES_MAX))], 0, InvalidHead::TooLarge);
}

#[test]
fn a_head_may_be_as_large_as_the_limit() {
    let around = Head::new("GET", b"/", &lines(&[("X", "")]), 0).unwrap().bytes().len();
    let value = "x".repeat(HEAD_BYTES_MAX - around);
    assert_eq!(Head::new("GET", b"/", &lines(&[("X", &value)]), 0).unwrap().bytes().len(), HEAD_BYTES_MAX);
    assert!(Head::new("GET", b"/", &lines(&[("X", &format!("{value}x"))]), 0).is_err());
}
