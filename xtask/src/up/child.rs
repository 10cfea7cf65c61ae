//! A process that the stage started, and ends.

use std::fs::File;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end after SIGTERM: relay-server finishes requests and stops its
/// nats-server.
const GRACE: Duration = Duration::from_secs(20);
/// Pause between two looks at whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How many lines of a log are shown when its process failed.
const LOG_LINES: usize = 10;

/// A running process. It is ended when the value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    log: std::path::PathBuf,
}

impl Running {
    /// Starts a process whose standard error goes to a file, and its standard output too, unless
    /// `read` says that we read it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start(name: &'static str, command: &mut Command, logs: &Path, read: bool) -> anyhow::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let out = if read { Stdio::piped() } else { Stdio::from(file.try_clone().context("share a log file")?) };
        let command = command.stdin(Stdio::null()).stdout(out).stderr(file);
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(Self { name, child, log })
    }

    /// What the process writes to standard output, once, where it was started to be read.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Nothing while it runs.
    ///
    /// # Errors
    /// Where it has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait().with_context(|| format!("look after {}", self.name))? {
            bail!("{} ended with {status}; the end of {}:\n{}", self.name, self.log.display(), tail(&self.log));
        }
        Ok(())
    }

    /// How many files and connections it holds (proc_pid_fd(5)).
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn files(&self) -> anyhow::Result<usize> {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))
            .with_context(|| format!("look at {}", self.name))?;
        Ok(files.count())
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        format!("the end of {}:\n{}", self.log.display(), tail(&self.log))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        // It may end this moment; the wait says so.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
