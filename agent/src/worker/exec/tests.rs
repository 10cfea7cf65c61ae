//! Tests with real commands.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use model::request::Header;
use model::{EventId, OutputId};
use proto::v1;
use uuid::Uuid;

use super::*;

fn delivery(body: &'static [u8]) -> (Delivery, Body) {
    let line =
        |name: &'static str, value: &'static [u8]| Header { name: name.into(), value: Bytes::from_static(value) };
    let request = Request {
        method: "POST".into(),
        extra_path: Bytes::from_static(b"/a"),
        query: Some(Bytes::from_static(b"x=1")),
        headers: vec![
            line("X-Event", b"push"),
            line("x-event", b"again"),
            line("X_Event", b"forged"),
            line("Nul", b"a\0b"),
        ],
        peer: "192.0.2.1".into(),
        ..Request::default()
    };
    let delivery = Delivery {
        number: 1,
        attempt: Attempt { event: EventId(Uuid::from_u128(7)), output: OutputId(Uuid::from_u128(8)), number: 3 },
        request,
        destination: v1::Destination { url: "http://x.invalid/".into(), timeout_ms: 60_000, ..Default::default() },
        answer_bytes_max: 0,
        trace: None,
    };
    (delivery, Body::whole(Bytes::from_static(body)))
}

fn exec(program: &str, args: &[&str], timeout: Option<Duration>) -> Exec {
    Exec { program: program.into(), args: args.iter().map(|arg| (*arg).to_owned()).collect(), timeout }
}

async fn script(text: &str, body: &'static [u8]) -> Outcome {
    let (delivery, body) = delivery(body);
    exec("sh", &["-c", text], None).run(delivery, body).await
}

#[tokio::test]
async fn the_command_gets_the_body_and_the_event_and_its_exit_code_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let text = format!("cat > {}; env > {}", path("body"), path("env"));
    assert_eq!(script(&text, b"hello\0\xff").await, Outcome::Answered(200));
    assert_eq!(std::fs::read(path("body")).unwrap(), b"hello\0\xff");
    let env = std::fs::read_to_string(path("env")).unwrap();
    for line in [
        "RELAY_EVENT_ID=00000000-0000-0000-0000-000000000007",
        "RELAY_EVENT_METHOD=POST",
        "RELAY_EVENT_PATH=/a",
        "RELAY_EVENT_QUERY=x=1",
        "RELAY_EVENT_PEER=192.0.2.1",
        "RELAY_EVENT_HEADER_X_EVENT=push, again",
        "RELAY_OUTPUT_ID=00000000-0000-0000-0000-000000000008",
        "RELAY_DESTINATION=http://x.invalid/",
        "RELAY_ATTEMPT=3",
    ] {
        assert!(env.lines().any(|found| found == line), "{line} in\n{env}");
    }
    assert!(!env.contains("forged") && !env.contains("HEADER_NUL"), "{env}");
    assert_eq!(script("exit 3", b"").await, Outcome::Answered(500));
    assert_eq!(script("kill -9 $$", b"").await, Outcome::Answered(500));
}

#[tokio::test]
async fn a_command_need_not_read_what_it_is_given() {
    static LARGE: [u8; 1 << 20] = [b'x'; 1 << 20];
    assert_eq!(script("exit 0", &LARGE).await, Outcome::Answered(200));
    assert_eq!(script("exec <&-; exit 0", &LARGE).await, Outcome::Answered(200));
}

#[tokio::test]
async fn no_shell_reads_the_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("$(x);y");
    let (delivery, body) = delivery(b"");
    let outcome = exec("touch", &[&path.display().to_string()], None).run(delivery, body).await;
    assert_eq!(outcome, Outcome::Answered(200));
    assert!(path.exists());
}

#[tokio::test]
async fn a_command_that_is_not_there_is_an_outcome() {
    let (delivery, body) = delivery(b"");
    assert_eq!(exec("/nowhere/command", &[], None).run(delivery, body).await, Outcome::NotConnected);
}

#[tokio::test]
async fn one_that_takes_too_long_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let text = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", pids.display());
    let (delivery, body) = delivery(b"");
    let started = Instant::now();
    let outcome = exec("sh", &["-c", &text], Some(Duration::from_secs(2))).run(delivery, body).await;
    assert_eq!(outcome, Outcome::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(300));
    let child = std::fs::read_to_string(&pids).unwrap();
    until_gone(child.trim());
}

#[tokio::test]
async fn a_body_that_never_comes_whole_kills_the_command() {
    let (delivery, _) = delivery(b"");
    let (body, sink) = Body::in_pieces(Bytes::from_static(b"half"), 100);
    assert!(sink.push(outbound::Piece::Broken));
    assert_eq!(exec("sh", &["-c", "cat > /dev/null"], None).run(delivery, body).await, Outcome::Broken);
}

/// Waits until a process is gone, or nothing but its entry is left.
fn until_gone(pid: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
        match status {
            Err(_) => return,
            Ok(stat) if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')) => return,
            Ok(_) => assert!(Instant::now() < deadline, "process {pid} lives on"),
        }
        std::thread::yield_now();
    }
}
