//! The program as people and scripts run it, against a server that answers as it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod server;

mod api;
mod logs;
mod output;
mod replay;
mod wait_for;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use server::{Server, fails, relay, run, stdout};
use telemetry::env::RESTRICTING;

const BUCKETS: &str = r#"[{"id":"b-1","name":"demo","extra":7,
    "inputs":[{"id":"i-1","name":"Default public endpoint","bucket_id":"b-1"}],
    "outputs":[{"id":"o-1","name":"out","bucket_id":"b-1","destination":"http://localhost:1/\u001b[31m","internal":true}]}]"#;

#[test]
fn lists_are_tables_for_people_and_json_for_machines() {
    let server = Server::start(|_| (200, BUCKETS));
    let text = stdout(&run(&server, &["output", "ls"]));
    let head = "ID   NAME  BUCKET  TYPE      DESTINATION               DISABLED";
    let row = "o-1  out   demo    internal  http://localhost:1/ [31m  no";
    assert_eq!(text, format!("{head}\n{row}\n"), "what could steer a terminal is taken out");
    let json: serde_json::Value = serde_json::from_str(&stdout(&run(&server, &["bucket", "ls", "--json"]))).unwrap();
    assert_eq!((&json[0]["name"], &json[0]["extra"]), (&"demo".into(), &7.into()));
}

#[test]
fn names_become_ids() {
    let server = Server::start(|call| match call.starts_with("GET") {
        true => (200, BUCKETS),
        false => (200, r#"{"id":"o-1","name":"out"}"#),
    });
    let output = run(&server, &["output", "update", "out", "--timeout", "5", "--disabled", "false"]);
    assert_eq!(stdout(&output), "out\n");
    let calls = server.calls();
    assert_eq!(calls[1], r#"PUT /v1/buckets/b-1/outputs/o-1 {"disabled":false,"timeout":5}"#);
    assert_eq!(run(&server, &["bucket", "rm", "-f", "demo"]).status.code(), Some(0));
    assert_eq!(server.calls()[1], "DELETE /v1/buckets/b-1?force=true ");
}

#[test]
fn failures_have_their_codes_and_one_line() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET /v1/tokens") => (401, "who are you\n"),
        call if call.starts_with("POST") => (412, "bucket with name 'demo'\nalready exists"),
        _ => (200, BUCKETS),
    });
    fails(&run(&server, &["token", "ls"]), 3, "GET /v1/tokens: 401 Unauthorized: who are you");
    fails(&run(&server, &["bucket", "inspect", "nope"]), 4, "no bucket named 'nope'");
    fails(&run(&server, &["bucket", "create", "demo"]), 1, "bucket with name 'demo' already exists");
    fails(&run(&server, &["bucket", "update", "demo"]), 2, "nothing to change");
    fails(&run(&server, &["forward", "--allow", "a b"]), 2, "--allow a b: ");
    let home = tempfile::tempdir().unwrap();
    let nobody =
        relay(home.path(), &server.url).env("RELAY_SECRET", "").env("RELAY_KEY", "").args(["bucket", "ls"]).output();
    fails(&nobody.unwrap(), 3, "no credentials");
    let ca_file = run(&server, &["bucket", "ls", "--ca-file", "/nowhere.pem"]);
    fails(&ca_file, 2, "cannot read certificates from /nowhere.pem");
    let away = relay(home.path(), "http://127.0.0.1:1").args(["bucket", "ls"]).output().unwrap();
    fails(&away, 1, "cannot reach 127.0.0.1:1: connection refused");
    let afar = relay(home.path(), "http://192.0.2.1").args(["bucket", "ls"]).output().unwrap();
    fails(&afar, 1, "speaks no TLS");
}

#[test]
fn empty_variables_count_as_not_set() {
    let home = tempfile::tempdir().unwrap();
    let help = stdout(&relay(home.path(), "").args(["run", "--help"]).env_clear().output().unwrap());
    let named = help.split("[env: ").skip(1).map(|rest| rest.split([']', '=']).next().unwrap());
    let mut command = relay(home.path(), "");
    command.env("RELAY_LOG", "").env("LOG_LEVEL", "").env("RELAY_REQUIRE_TLS", "").args(["run"]);
    let mut count = 0;
    for name in named.filter(|name| !RESTRICTING.contains(name)) {
        command.env(name, "");
        count += 1;
    }
    assert!(count > 10, "{help}");
    fails(&command.output().unwrap(), 3, "no credentials");
}

#[test]
fn empty_variables_open_nothing() {
    let home = tempfile::tempdir().unwrap();
    for (name, flag) in [("RELAY_ALLOW", "--allow"), ("BUCKETS", "--bucket")] {
        assert!(RESTRICTING.contains(&name));
        for value in ["", ","] {
            let output = relay(home.path(), "http://127.0.0.1:1").env(name, value).arg("run").output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.code() == Some(2) && said.contains(flag), "{name}={value}: {said}");
        }
    }
    fails(&relay(home.path(), "").args(["forward", "--allow", " "]).output().unwrap(), 2, "--allow : ");
}

#[test]
fn a_wrong_scheme_is_named() {
    let home = tempfile::tempdir().unwrap();
    // The alert is what a server with TLS answers plaintext with (RFC 8446, 6.2).
    for (scheme, answer, says) in [
        ("https", &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "does not speak TLS; say http://"),
        ("http", &[21, 3, 3, 0, 2, 2, 70], "say https:// if the server speaks TLS"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
            stream.write_all(answer).unwrap();
        });
        fails(&relay(home.path(), &url).args(["bucket", "ls"]).output().unwrap(), 1, says);
        answering.join().unwrap();
    }
}

#[test]
fn a_login_is_checked_and_remembered() {
    let server = Server::start(|_| (200, BUCKETS));
    let home = tempfile::tempdir().unwrap();
    let admin = home.path().join("admin.json");
    std::fs::write(&admin, format!(r#"{{"url":"{}","key":"k","secret":"hush"}}"#, server.url)).unwrap();
    let bare = || {
        let mut command = relay(home.path(), "");
        command.env_remove("RELAY_KEY").env_remove("RELAY_SECRET");
        command
    };
    let login = bare().args(["login", "--admin-file"]).arg(&admin).output().unwrap();
    assert!(stdout(&login).starts_with(&format!("Logged in to {} as k.", server.url)), "{login:?}");
    assert!(home.path().join(".config/relay/config.json").exists());
    let status = stdout(&bare().arg("status").output().unwrap());
    assert!(status.contains(&format!("{} (reachable)", server.url)) && status.contains("Buckets: demo"), "{status}");
    let refusing = Server::start(|_| (401, ""));
    let refused = relay(home.path(), &refusing.url).args(["login", "-k", "a", "-s", "b"]).output().unwrap();
    fails(&refused, 3, "401");
    assert!(stdout(&bare().arg("status").output().unwrap()).contains(&server.url), "the old one stays");
    let next = bare().args(["login", "-k", "next", "-s", "hush"]).output().unwrap();
    assert!(stdout(&next).starts_with(&format!("Logged in to {} as next.", server.url)), "the server too: {next:?}");
    std::fs::write(home.path().join(".config/relay/config.json"), "{").unwrap();
    fails(&bare().arg("status").output().unwrap(), 2, "cannot read ");
    let mended = relay(home.path(), &server.url).args(["login", "-k", "a", "-s", "hush"]).output().unwrap();
    assert!(mended.status.success(), "{mended:?}");
}

/// With half of what it was given it would be whoever has logged in on this machine.
#[test]
fn a_key_without_its_secret_is_refused() {
    let server = Server::start(|_| (200, BUCKETS));
    let home = tempfile::tempdir().unwrap();
    assert!(relay(home.path(), &server.url).arg("login").output().unwrap().status.success());
    let file = home.path().join("relay.yml");
    std::fs::write(&file, "key: k\n").unwrap();
    let run = ["run", "-c", file.to_str().unwrap()];
    for (secret, args, says) in [
        ("", &["bucket", "ls"][..], "a key without its secret"),
        ("", &["login"], "a key without its secret"),
        ("", &["forward", "3000"], "a key without its secret"),
        ("hush", &["run"], "a secret without its key"),
    ] {
        let mut command = relay(home.path(), &server.url);
        let other = if secret.is_empty() { "RELAY_SECRET" } else { "RELAY_KEY" };
        fails(&command.env_remove(other).args(args).output().unwrap(), 2, says);
    }
    let mut command = relay(home.path(), &server.url);
    command.env_remove("RELAY_KEY").env_remove("RELAY_SECRET").args(run);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a key without its secret"), "{output:?}");
}

#[test]
fn forward_makes_what_is_missing_and_no_more() {
    let server = Server::start(|call| match call {
        call if call.starts_with("GET") => (200, "null"),
        call if call.starts_with("POST /v1/buckets ") => {
            (201, r#"{"id":"b-9","name":"app","inputs":[{"id":"i-9"}],"outputs":null}"#)
        }
        _ => (201, r#"{"id":"o-9"}"#),
    });
    let output = run(&server, &["forward", "http://app:3000/x", "--no-agent"]);
    assert_eq!(stdout(&output), format!("Forwarding: \n{}/v1/webhooks/i-9 -> http://app:3000/x\n", server.url));
    assert_eq!(
        server.calls(),
        [
            "GET /v1/buckets ",
            r#"POST /v1/buckets {"name":"app"}"#,
            r#"POST /v1/buckets/b-9/outputs {"destination":"http://app:3000/x","internal":true,"name":"http://app:3000/x"}"#,
        ]
    );
    let server = Server::start(|_| {
        (
            200,
            r#"[{"id":"b-1","name":"demo","inputs":[{"id":"i-1"}],"outputs":[{"id":"o-1","destination":"http://a","internal":true}]}]"#,
        )
    });
    let again = run(&server, &["forward", "http://a", "-b", "demo", "--no-agent", "--json"]);
    assert_eq!(server.calls(), ["GET /v1/buckets "]);
    assert!(stdout(&again).contains(r#""destination": "http://a""#));
}

#[test]
fn a_reader_who_has_read_enough_is_no_failure() {
    let server = Server::start(|_| (200, BUCKETS));
    let home = tempfile::tempdir().unwrap();
    let mut child = relay(home.path(), &server.url).args(["bucket", "ls"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_file_that_cannot_be_read_ends_the_agent_at_once() {
    let server = Server::start(|_| (200, "[]"));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("relay.yml");
    std::fs::write(&file, "version: v1\nbuckets: demo\n").unwrap();
    let output = relay(home.path(), &server.url).arg("run").arg("-c").arg(&file).output().unwrap();
    fails(&output, 2, "relay.yml, line 2: buckets: ");
}
