//! `relay replay`

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::server::{Server, fails, run, stdout};

const BUCKETS: &str = r#"[{"id":"b-1","name":"demo","inputs":[],
    "outputs":[{"id":"o-1","name":"app"},{"id":"o-2","name":"staging"}]}]"#;

#[test]
fn one_is_sent_again() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.starts_with("GET") => (200, r#"{"id":"l-1","bucket_id":"b-1"}"#),
        _ => (200, ""),
    });
    let text = stdout(&run(&server, &["replay", "l-1", "--to", "staging", "--force", "--resign"]));
    assert_eq!(text, "l-1 is sent again to 'staging'\n");
    let body = r#"{"action":"resend","output":"o-2","process_policy":"force","resign":true}"#;
    assert_eq!(server.calls()[2], format!("POST /v1/logs/l-1/action {body}"));
    assert_eq!(stdout(&run(&server, &["replay", "l-1", "--dry-run"])), "l-1 would be sent again to the same output\n");
    assert!(server.calls().iter().all(|call| call.starts_with("GET")));
    fails(&run(&server, &["replay", "l-1", "--status", "failed"]), 2, "a filter goes with --bucket");
}

#[test]
fn many_are_watched_until_they_are_done() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.starts_with("POST") => (201, r#"{"id":"r-1","status":"running","matched":3}"#),
        _ => match asked.fetch_add(1, Ordering::SeqCst) {
            0 => (200, r#"{"id":"r-1","status":"running","matched":3,"done":1,"failed":0}"#),
            1 => (200, r#"{"id":"r-1","status":"done","matched":3,"done":3,"failed":0}"#),
            _ => (200, r#"{"id":"r-1","status":"done","matched":3,"done":2,"failed":1}"#),
        },
    });
    let text = stdout(&run(&server, &["replay", "-b", "demo", "--status", "failed", "--to", "staging"]));
    assert_eq!(text, "done: 3 of 3 were sent again, 0 failed\n");
    let calls = server.calls();
    let body =
        r#"{"bucket":"b-1","dry_run":false,"filters":{"status":"failed"},"output":"o-2","process_policy":"skip"}"#;
    assert_eq!(calls[1], format!("POST /v1/replays {body}"));
    assert_eq!(calls[2..], ["GET /v1/replays/r-1 "; 2]);
    fails(&run(&server, &["replay", "-b", "demo", "--all"]), 1, "replay r-1: done, 2 of 3 sent, 1 failed");
    let dry = run(&server, &["replay", "-b", "demo", "--all", "--dry-run"]);
    assert_eq!(stdout(&dry), "3 deliveries would be sent again\n");
    fails(&run(&server, &["replay", "-b", "demo"]), 2, "nothing narrows the bucket down");
}
