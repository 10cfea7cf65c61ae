//! A process that a test started: its output in files, its end in the test's hands.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::wait::{holds, until};

/// A running or ended process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    out: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. Its standard output goes to `<name>.<n>.out` in `logs` and its standard
    /// error to `<name>.<n>.log`, with the first `n` that is free.
    ///
    /// # Errors
    /// When the files cannot be made or the program cannot be started.
    pub fn start(name: &str, mut command: Command, logs: &Path) -> anyhow::Result<Self> {
        let (out, log) = files(name, logs)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&out)?)
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, out, log })
    }

    /// Its id; none once it has been seen to end.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until a line of its standard output begins with `prefix`, and returns what follows.
    ///
    /// # Errors
    /// When the process ends first; the message holds the end of its log.
    pub async fn says(&mut self, prefix: &str) -> anyhow::Result<String> {
        let what = format!("{} says {prefix:?}", self.name);
        let out = self.out.clone();
        self.until(&what, async || {
            let text = fs::read_to_string(&out)?;
            let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            Ok(whole.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned))
        })
        .await
    }

    /// Waits until `condition` gives a value, while the process runs.
    ///
    /// # Errors
    /// When the process ends first; the message holds the end of its log.
    pub async fn until<T>(
        &mut self,
        what: &str,
        mut condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        until(what, async || {
            let ended = self.child.try_wait()?;
            let value = condition().await?;
            if let (None, Some(status)) = (&value, ended) {
                bail!("{} ended with {status}:\n{}", self.name, self.last_words());
            }
            Ok(value)
        })
        .await
    }

    /// Kills it at once (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("kill {}", self.name))
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When it has ended already.
    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Stops it where it is (SIGSTOP), until [`Process::go_on`].
    ///
    /// # Errors
    /// When it has ended already.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When it has ended already.
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it does not.
    pub async fn exit(&mut self) -> anyhow::Result<ExitStatus> {
        let what = format!("{} ends", self.name);
        until(&what, async || Ok(self.child.try_wait()?)).await
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// What it has written to standard output so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn output(&self) -> anyhow::Result<String> {
        fs::read_to_string(&self.out).with_context(|| format!("read the output of {}", self.name))
    }

    /// How much memory of it is in RAM, in bytes (`VmRSS` in proc_pid_status(5)).
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let id = self.id().with_context(|| format!("{} has ended", self.name))?;
        resident_bytes(id)
    }

    /// How much processor time it has used, of all its threads, in user and kernel mode (`utime` and
    /// `stime` in proc_pid_stat(5)).
    ///
    /// # Errors
    /// When it has ended.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        let id = self.id().with_context(|| format!("{} has ended", self.name))?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name before may have spaces; of what follows, these are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks = fields.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// What it has written to standard error so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        fs::read_to_string(&self.log).with_context(|| format!("read the log of {}", self.name))
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        tail(&self.log)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.id().with_context(|| format!("{} has ended", self.name))?;
        send(id, signal)
    }
}

/// Sends a signal to any process.
///
/// # Errors
/// When there is no such process.
pub fn send(id: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).context("no process has this id")?;
    rustix::process::kill_process(pid, signal).with_context(|| format!("send a signal to process {id}"))
}

/// How much memory of a process is in RAM, in bytes (`VmRSS` in proc_pid_status(5)).
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(id: u32) -> anyhow::Result<u64> {
    memory_bytes(id, "VmRSS:")
}

/// The most of it that there has been, in bytes (`VmHWM`).
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes_max(id: u32) -> anyhow::Result<u64> {
    memory_bytes(id, "VmHWM:")
}

fn memory_bytes(id: u32, field: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).with_context(|| format!("no {field}"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

/// Whether a process holds the IPv4 TCP connection with this local port (proc_pid_net_tcp(5)).
pub fn holds_port(id: u32, port: u16) -> bool {
    holds_connection(id, |local, _| local == port)
}

/// Whether a process is connected to this port, over IPv4.
pub fn is_connected_to(id: u32, port: u16) -> bool {
    holds_connection(id, |_, remote| remote == port)
}

/// Whether one of the process's IPv4 TCP sockets has such a local and remote port.
fn holds_connection(id: u32, is_it: impl Fn(u16, u16) -> bool) -> bool {
    let table = fs::read_to_string(format!("/proc/{id}/net/tcp")).unwrap_or_default();
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap_or_default(), 16).unwrap_or(0);
    let rows = table.lines().skip(1).map(|row| row.split_ascii_whitespace().collect::<Vec<_>>());
    let sockets: Vec<String> = rows
        .filter(|row| row.len() > 9 && is_it(port(row[1]), port(row[2])))
        .map(|row| format!("socket:[{}]", row[9]))
        .collect();
    let held = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
    let held = held.filter_map(|file| fs::read_link(file.path()).ok());
    held.filter_map(|target| target.to_str().map(str::to_owned)).any(|target| sockets.contains(&target))
}

/// The processes whose command line names something in `dir`, without this one.
pub fn naming(dir: &Path) -> Vec<u32> {
    let needle = dir.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let names_it = command.windows(needle.len()).any(|part| part == needle);
        if names_it && id != std::process::id() {
            found.push(id);
        }
    }
    found
}

/// Waits until no process names something in `dir`.
///
/// # Errors
/// When some stay.
pub async fn until_none_names(dir: &Path) -> anyhow::Result<()> {
    let what = format!("no process is left that names {}", dir.display());
    until(&what, async || Ok(holds(naming(dir).is_empty()))).await
}

/// The last lines of a file.
pub(crate) fn tail(path: &Path) -> String {
    const LINES: usize = 40;
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn files(name: &str, logs: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    for n in 1..u32::MAX {
        let out = logs.join(format!("{name}.{n}.out"));
        if !out.exists() {
            return Ok((out, logs.join(format!("{name}.{n}.log"))));
        }
    }
    bail!("too many logs of {name}")
}
