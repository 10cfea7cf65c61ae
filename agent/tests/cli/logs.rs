//! `relay logs`, `relay events`, `relay inspect` and `relay ledger`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::server::{Server, fails, relay, run, stdout};

const BUCKETS: &str = r#"[{"id":"b-1","name":"demo","inputs":[],
    "outputs":[{"id":"o-1","name":"app","destination":"http://localhost:3000"}]}]"#;
const FIRST: &str = r#"{"data":[{"id":"l-2","output_id":"o-1","status":"failed","status_code":503,"method":"POST",
    "extra_path":"/a","retries":2,"duration_ms":7}],"next_cursor":"c 2"}"#;
const LAST: &str =
    r#"{"data":[{"id":"l-1","output_id":"o-9","status":"sent","status_code":200,"method":"PUT"}],"next_cursor":""}"#;

#[test]
fn logs_come_page_by_page() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.contains("cursor=c+2") => (200, LAST),
        _ => (200, FIRST),
    });
    let text = stdout(&run(&server, &["logs", "-b", "demo", "--status", "failed", "--output", "app"]));
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].starts_with("failed  503   POST    /a    app"), "{text}");
    assert!(lines[2].contains("PUT") && lines[2].contains("o-9"), "an output that is gone has its id: {text}");
    let calls = server.calls();
    assert_eq!(calls[1], "GET /v1/logs?bucket=b-1&status=failed&output=o-1&limit=50 ");
    assert_eq!(calls[2], "GET /v1/logs?bucket=b-1&status=failed&output=o-1&limit=49&cursor=c+2 ");
    run(&server, &["logs", "-b", "demo", "-n", "1"]);
    assert_eq!(server.calls().len(), 2, "no more is asked for than is shown");
    fails(&run(&server, &["logs", "-b", "nope"]), 4, "no bucket named 'nope'");
}

#[test]
fn a_live_list_goes_on() {
    let server = Server::start(|call| match call.starts_with("GET /v1/buckets") {
        true => (200, BUCKETS),
        false => (200, ": hi\n\nid: 1\ndata: {\"id\":\"l-1\",\"status\":\"received\"}\n\n"),
    });
    let home = tempfile::tempdir().unwrap();
    let mut command = relay(home.path(), &server.url);
    let mut child = command.args(["logs", "-b", "demo", "-f", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let line: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!((&line["id"], &line["status"]), (&"l-1".into(), &"received".into()));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(server.calls().contains(&"GET /v1/logs/stream?bucket=b-1 ".to_owned()));
}

#[test]
fn events_are_drained_and_not_one_more_is_asked_for() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.contains("limit=2 ") => {
            (200, r#"{"logs":[{"id":"e-1","method":"POST","body":"one"}],"has_more":true}"#)
        }
        _ => (200, r#"{"logs":null,"has_more":false}"#),
    });
    let text = stdout(&run(&server, &["events", "-b", "demo", "-n", "2", "--body"]));
    assert!(text.contains("POST   /") && text.contains("3 bytes  e-1\none\n"), "{text}");
    let asked = ["GET /v1/events?bucket=b-1&limit=2 ", "GET /v1/events?bucket=b-1&limit=1 "];
    assert_eq!(server.calls()[1..], asked);
}

#[test]
fn events_go_on_when_a_server_that_was_away_is_back() {
    let polls = AtomicU32::new(0);
    let server = Server::start(move |call| match call.starts_with("GET /v1/buckets") {
        true => (200, BUCKETS),
        false if polls.fetch_add(1, Ordering::Relaxed) == 0 => (503, "the server is starting"),
        false => (200, r#"{"logs":[{"id":"l-1","method":"POST"}]}"#),
    });
    let followed = run(&server, &["events", "-b", "demo", "--follow", "-n", "1"]);
    assert!(stdout(&followed).contains("l-1") && followed.status.success(), "{followed:?}");
    let refusing = Server::start(|call| match call.starts_with("GET /v1/buckets") {
        true => (200, BUCKETS),
        false => (401, "no longer"),
    });
    fails(&run(&refusing, &["events", "-b", "demo", "--follow"]), 3, "no longer");
}

#[test]
fn one_delivery_is_shown_and_repeated() {
    let server = Server::start(|call| match call.starts_with("GET /v1/buckets") {
        true => (200, BUCKETS),
        false => {
            (200, r#"{"id":"l-1","bucket_id":"b-1","output_id":"o-1","status":"sent","method":"POST","body":"x"}"#)
        }
    });
    let text = stdout(&run(&server, &["inspect", "l-1"]));
    assert!(text.contains("Bucket:    demo\n") && text.contains("Output:    app (http://localhost:3000)\n"), "{text}");
    let curl = stdout(&run(&server, &["inspect", "l-1", "--curl"]));
    assert_eq!(curl, "curl -X 'POST' 'http://localhost:3000/' \\\n  --data-binary 'x'\n");
    server.calls();
    run(&server, &["inspect", "../tokens", "--json"]);
    assert_eq!(server.calls(), ["GET /v1/logs/..%2Ftokens "]);
}

#[test]
fn a_ledger_that_does_not_add_up_fails() {
    const LEDGER: &str = r#"[{"bucket":"b-1","outputs":[{"output":"o-1","received":5,"sent":2,"failed":1,"rejected":1,
        "expired":0,"pending":1,"balanced":true}]}]"#;
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/buckets") => (200, BUCKETS),
        call if call.contains("bucket=b-1") => (200, LEDGER),
        _ => (
            200,
            r#"[{"bucket":"b-1","outputs":[{"output":"o-1","received":5,"sent":2,"failed":0,"rejected":0,"expired":0,"pending":0,"balanced":true}]}]"#,
        ),
    });
    let balanced = run(&server, &["ledger", "-b", "demo"]);
    assert_eq!(balanced.status.code(), Some(0));
    assert!(stdout(&balanced).contains("demo    app     5         2     1       1         0        1        yes"));
    let wrong = run(&server, &["ledger"]);
    assert!(stdout(&wrong).contains("no\n"));
    fails(&wrong, 1, "not balanced for 1 outputs");
}
