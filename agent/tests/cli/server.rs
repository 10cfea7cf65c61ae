//! A server that answers as it is told, and the program that asks it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

/// A server; it ends with the process of the test.
pub(crate) struct Server {
    pub(crate) url: String,
    calls: mpsc::Receiver<String>,
}

impl Server {
    /// Answers each call, said as `METHOD path body`, with a status and a body.
    pub(crate) fn start(answer: impl Fn(&str) -> (u16, &'static str) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tx, calls) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(call) = read_call(&mut stream) else { continue };
                let (status, body) = answer(&call);
                let head =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                // A client whose time is up does not wait for the answer.
                let _ = stream.write_all((head + body).as_bytes());
                let _ = tx.send(call);
            }
        });
        Self { url, calls }
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.try_iter().collect()
    }
}

/// Reads one request; `None` from a client that went away without one.
fn read_call(stream: &mut TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return None;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut words = first.split(' ');
    Some(format!("{} {} {}", words.next().unwrap(), words.next().unwrap(), String::from_utf8(body).unwrap()))
}

/// The program in an environment of its own.
pub(crate) fn relay(home: &Path, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
    command.env_clear().env("HOME", home).env("RELAY_API_ADDRESS", url);
    command.env("RELAY_KEY", "key").env("RELAY_SECRET", "hush").stdin(Stdio::null());
    command
}

pub(crate) fn run(server: &Server, args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    relay(home.path(), &server.url).args(args).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs a command that must fail with this code and one line that has this text.
pub(crate) fn fails(output: &Output, code: i32, text: &str) {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert!(line.contains(text) && line.lines().count() == 1, "{line}");
    assert!(!line.contains("hush"), "{line}");
}
