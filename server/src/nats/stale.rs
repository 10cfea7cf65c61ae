//! Stops a `nats-server` that was left on our store by a relay-server and guard that were both
//! killed. Two servers on one store would destroy it.
//!
//! There is no pid file: it can be missing (killed between start and write) or name a process
//! that has nothing to do with us. Instead the running processes are asked for their command
//! line, and ours is the one started with our configuration's absolute path.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::Instant;

use super::guard::{CONFIG_FLAG, STOP_GRACE, pid_from};

/// Pause between two looks at whether it is gone.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a killed process may take to disappear.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// Stops every `nats-server` that was started with this configuration, and waits until it is
/// gone.
///
/// # Errors
///
/// Where one cannot be stopped.
pub(super) async fn stop(config: &Path) -> anyhow::Result<()> {
    let config = config.to_owned();
    let left = tokio::task::spawn_blocking(move || processes_of(&config))
        .await
        .context("look for a nats-server that was left behind")??;
    for pid in left {
        tracing::warn!(pid = pid.as_raw_nonzero().get(), "a nats-server was left on our store, stopping it");
        // It may be gone already; the wait says so.
        let _ = kill_process(pid, Signal::TERM);
        if gone_within(pid, STOP_GRACE).await {
            continue;
        }
        let _ = kill_process(pid, Signal::KILL);
        if !gone_within(pid, KILL_GRACE).await {
            bail!("a nats-server (process {}) was left on our store and cannot be stopped", pid.as_raw_nonzero());
        }
    }
    Ok(())
}

async fn gone_within(pid: Pid, grace: Duration) -> bool {
    let deadline = Instant::now() + grace;
    while Instant::now() < deadline {
        if test_kill_process(pid).is_err() || is_zombie(pid) {
            return true;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    false
}

/// A process that ended but that its parent has not waited for holds no file any more.
fn is_zombie(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
        .is_ok_and(|stat| state_of(&stat) == Some('Z'))
}

/// The state in a line of `/proc/<pid>/stat`: the letter after the command's closing bracket.
fn state_of(stat: &str) -> Option<char> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.trim_start().chars().next()
}

/// The processes started as `<program> --config <config>`.
#[cfg(target_os = "linux")]
fn processes_of(config: &Path) -> anyhow::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("read /proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(pid_from) else {
            continue;
        };
        // Gone meanwhile, or another user's: not ours to stop.
        let Ok(line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        if is_ours(&line, config) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Whether a `/proc/<pid>/cmdline` (words that each end in a zero byte) is of a program that was
/// started with our configuration.
#[cfg(target_os = "linux")]
fn is_ours(cmdline: &[u8], config: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;

    let mut words = cmdline.split(|byte| *byte == 0).skip(1);
    words.next() == Some(CONFIG_FLAG.as_bytes()) && words.next() == Some(config.as_os_str().as_bytes())
}

/// The processes started as `<program> --config <config>`.
#[cfg(not(target_os = "linux"))]
fn processes_of(config: &Path) -> anyhow::Result<Vec<Pid>> {
    let listing = std::process::Command::new("ps")
        .args(["-axww", "-o", "pid=,command="])
        .output()
        .context("list processes with ps")?;
    let wanted = format!(" {CONFIG_FLAG} {}", config.display());
    Ok(String::from_utf8_lossy(&listing.stdout)
        .lines()
        .filter(|line| line.trim_end().ends_with(&wanted))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .filter_map(pid_from)
        .collect())
}

#[cfg(test)]
mod tests;
