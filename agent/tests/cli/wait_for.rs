//! `relay wait-for`

use crate::server::{Server, fails, run, stdout};

const BUCKETS: &str = r#"[{"id":"b-1","name":"demo"}]"#;

#[test]
fn the_first_event_for_which_all_holds_ends_the_wait() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.contains("/stream") => {
            (200, "data: {\"id\":\"l-1\",\"method\":\"GET\"}\n\ndata: {\"id\":\"l-2\",\"method\":\"POST\"}\n\n")
        }
        call if call.contains("/l-2") => {
            (200, r#"{"id":"l-2","method":"POST","status":"sent","headers":{},"body":"{\"action\":\"opened\"}"}"#)
        }
        _ => (500, ""),
    });
    let conditions = ["--match", "method=POST", "json.action=opened"];
    let found = run(&server, &[&["wait-for", "-b", "demo", "--json"][..], &conditions].concat());
    let found: serde_json::Value = serde_json::from_str(&stdout(&found)).unwrap();
    assert_eq!(found["id"], "l-2");
    assert_eq!(server.calls(), ["GET /v1/buckets ", "GET /v1/logs/stream?bucket=b-1 ", "GET /v1/logs/l-2 "]);
}

#[test]
fn what_came_before_counts_only_when_it_is_asked_for() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.contains("/stream") => (200, "data: {\"id\":\"l-1\",\"created_at\":1000}\n\n"),
        _ => (200, r#"{"data":[{"id":"l-0","created_at":1000}]}"#),
    });
    fails(&run(&server, &["wait-for", "-b", "demo", "--timeout", "1s"]), 1, "no such event came within 1 s");
    let found = run(&server, &["wait-for", "-b", "demo", "--since", "2020-01-01"]);
    assert!(stdout(&found).starts_with("l-0  "), "{found:?}");
}

#[test]
fn what_is_no_condition_is_said_before_anything_is_asked() {
    let server = Server::start(|_| (500, ""));
    let output = run(&server, &["wait-for", "-b", "demo", "--match", "nope=1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(server.calls().is_empty());
}
