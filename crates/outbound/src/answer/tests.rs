//! Tests of how heads of answers are read.

use super::*;

fn lines(bytes: &[u8]) -> Vec<(String, String)> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    header_lines(bytes).iter().map(|line| (text(&line.name), text(&line.value))).collect()
}

fn check(bytes: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    assert_eq!(lines(bytes.as_bytes()), expected, "{bytes:?}");
}

#[test]
fn lines_come_in_order_as_they_were_written() {
    check(
        "HTTP/1.1 200 OK\r\nX-b: 1\r\nx-A:2 \r\nX-B:\t3\r\nempty:\r\na: b: c\r\n\r\nbody: x\r\n",
        &[("X-b", "1"), ("x-A", "2"), ("X-B", "3"), ("empty", ""), ("a", "b: c")],
    );
    check("HTTP/1.1 200\nA: 1\nB: 2\n\nC: 3\n", &[("A", "1"), ("B", "2")]);
    check("HTTP/1.1 204 X\r\n\r\n", &[]);
    check("HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n", &[("Upgrade", "y")]);
}

#[test]
fn empty_lines_before_an_answer_are_left_out() {
    check("\r\n\nHTTP/1.1 200 OK\r\nA: 1\r\n\r\nB: 2\r\n", &[("A", "1")]);
    check("HTTP/1.1 100 X\r\nA: 1\r\n\r\n\r\nHTTP/1.1 204 X\r\nB: 1\r\n\r\n", &[("B", "1")]);
}

#[test]
fn informational_answers_are_left_out() {
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: 1\r\n\r\nHTTP/1.1 200 OK\r\nA: 1\r\n\r\n",
        &[("A", "1")],
    );
}

#[test]
fn a_line_that_is_not_whole_is_left_out() {
    check("HTTP/1.1 200 OK\r\nA: 1\r\nB: 2", &[("A", "1")]);
    check("HTTP/1.1 2", &[]);
    check("", &[]);
}
