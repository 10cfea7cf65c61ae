//! The process between relay-server and `nats-server`: when relay-server is gone, however it
//! went, this one stops `nats-server`.
//!
//! Standard input is a pipe whose write end relay-server holds and never writes to. The kernel
//! closes it when relay-server ends, so end-of-file is the news of its death. That needs no
//! signal handler in the parent, no unsafe code, and works on every Unix.

use std::os::fd::AsFd;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "nats-guard";

/// How long `nats-server` may take to end after SIGTERM. It writes its stream state then, which
/// took well under a second with 100,000 consumers; SIGKILL loses no acknowledged message.
pub const STOP_GRACE: Duration = Duration::from_secs(10);

/// Runs `nats-server` until it ends or our standard input does.
///
/// # Errors
///
/// Where `nats-server` cannot be started or standard input is no pipe.
pub async fn run(binary: &Path, config: &Path) -> anyhow::Result<ExitStatus> {
    let mut asked = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let lifeline = std::io::stdin().as_fd().try_clone_to_owned().context("take standard input")?;
    let mut lifeline = pipe::Receiver::from_owned_fd(lifeline).context("standard input is not a pipe")?;
    let mut child = Command::new(binary)
        .arg(CONFIG_FLAG)
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", binary.display()))?;

    tokio::select! {
        // It ended by itself: relay-server sees us end and decides.
        status = child.wait() => return status.context("wait for nats-server"),
        // relay-server closed the pipe or is dead.
        () = end_of_file(&mut lifeline) => {}
        // Someone stops us: take nats-server along.
        _ = asked.recv() => {}
    }
    terminate(&mut child).await
}

/// The flag before the configuration's path; `stale` looks for the pair.
pub(super) const CONFIG_FLAG: &str = "--config";

async fn end_of_file(pipe: &mut pipe::Receiver) {
    let mut buffer = [0u8; 64];
    while let Ok(1..) = pipe.read(&mut buffer).await {}
}

async fn terminate(child: &mut Child) -> anyhow::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(pid_from) {
        // It may have ended this moment; waiting below says so.
        let _ = kill_process(pid, Signal::TERM);
    }
    match tokio::time::timeout(STOP_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            child.kill().await.context("kill nats-server")?;
            child.wait().await
        }
    }
    .context("wait for nats-server")
}

/// A process id as rustix wants it; none for values that name no process.
pub(super) fn pid_from(raw: u32) -> Option<Pid> {
    i32::try_from(raw).ok().and_then(Pid::from_raw)
}
