//! `relay api`

use crate::server::{Server, fails, run, stdout};

#[test]
fn answers_come_as_they_are_or_through_jq() {
    let server = Server::start(|_| (200, r#"[{"name":"a"},{"name":"b"}]"#));
    assert_eq!(stdout(&run(&server, &["api", "/v1/buckets"])), "[{\"name\":\"a\"},{\"name\":\"b\"}]\n");
    assert_eq!(stdout(&run(&server, &["api", "v1/buckets", "--jq", ".[].name"])), "a\nb\n");
    let shown = stdout(&run(&server, &["api", "/v1/buckets", "-i", "--jq", "length"]));
    assert!(shown.starts_with("HTTP/1.1 200 OK\n") && shown.contains("content-length: 27\n\n2\n"), "{shown}");
    assert_eq!(server.calls(), ["GET /v1/buckets "; 3]);
}

#[test]
fn what_is_sent_is_what_was_said() {
    let server = Server::start(|_| (201, ""));
    run(&server, &["api", "/v1/buckets", "-f", "name=orders", "-F", "ephemeral=true"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, "not json at all").unwrap();
    run(&server, &["api", "-X", "PUT", "/v1/x", "--input", &file.to_string_lossy()]);
    assert_eq!(server.calls(), [r#"POST /v1/buckets {"ephemeral":true,"name":"orders"}"#, "PUT /v1/x not json at all"]);
}

#[test]
fn a_refusal_is_shown_whole_and_fails() {
    let server = Server::start(|_| (412, "bucket exists\n"));
    let output = run(&server, &["api", "/v1/buckets", "-f", "name=a", "--jq", "."]);
    assert_eq!(stdout(&output), "bucket exists\n");
    fails(&output, 1, "relay: POST /v1/buckets: 412 Precondition Failed");
    fails(&run(&Server::start(|_| (404, "")), &["api", "/v1/nope"]), 4, "404 Not Found");
    let usage = run(&server, &["api", "/v1/x", "--jq", ".["]);
    fails(&usage, 2, "--jq: '.[' is no jq expression");
}
