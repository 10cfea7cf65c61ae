//! The program with real processes.
//!
//! The tests need a `nats-server`, from `RELAY_NATS_SERVER` or `PATH`; `cargo xtask test` sees to it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod environment;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_relay-server");

/// Longest wait for anything: a machine that builds and tests at once is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs on a data directory.
struct Running {
    child: Child,
}

impl Running {
    fn start(data: &Path) -> Self {
        Self::start_of(relay_server(), data)
    }

    fn start_of(mut program: Command, data: &Path) -> Self {
        let child =
            program.args(["--http-addr", "127.0.0.1:0", "--data-dir"]).arg(data).stdout(Stdio::null()).spawn().unwrap();
        Self { child }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until `/readyz` says so.
    fn ready(mut self, data: &Path) -> Self {
        until("the server is ready", || {
            assert_eq!(self.child.try_wait().unwrap(), None, "the server ended");
            health(data).is_some_and(|output| output.status.success())
        });
        self
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(&mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with nothing of this process's own settings but where `nats-server` is.
fn relay_server() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RELAY_") && name != "RELAY_NATS_SERVER" {
            command.env_remove(name);
        }
    }
    command
}

/// Asks the server of this data directory; none before it has written where it listens.
fn health(data: &Path) -> Option<Output> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(data.join("admin.json")).ok()?).ok()?;
    let url = format!("{}/readyz", json["url"].as_str()?);
    Some(Command::new(PROGRAM).args(["health", "--url", &url]).output().unwrap())
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn data() -> TempDir {
    tempfile::tempdir().unwrap()
}
