//! The embedded `nats-server`: found, configured, started, kept running, and stopped with us.
//!
//! The cast:
//!
//! - [`binary`] finds a `nats-server` that is new enough.
//! - [`config`] writes its configuration: loopback, a random port and password, JetStream in the
//!   data directory.
//! - [`guard`] is a small process of our own program between us and `nats-server`. It holds the
//!   read end of a pipe whose write end is ours alone, so it notices our death of whatever
//!   cause, `kill -9` included, and stops `nats-server`.
//! - `stale` stops a `nats-server` that was left on the same store, which happens only when
//!   the guard was killed too.
//! - `probe` says when `nats-server` answers.
//! - `disk` says when it does not write any more, and when another start mends that.
//! - [`Embedded`] ties them together and restarts what dies.

pub mod binary;
pub mod config;
mod disk;
pub mod guard;
mod probe;
mod stale;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use crypto::{Secret, token};
use telemetry::Stop;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::data_dir;
use crate::nats::config::Config;
use crate::nats::disk::Disk;
use crate::options::Durability;

/// Pairs of ports tried at the first start. A port is chosen by asking the kernel for a free one, so
/// another process can take it in the moment before `nats-server` does.
const PORT_TRIES: usize = 3;

/// First pause before `nats-server` is started again; it doubles up to [`RESTART_PAUSE_MAX`].
const RESTART_PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause between two starts: a broker that cannot start is tried for ever, since the
/// cause (a full disk) may go away, but not in a tight loop.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A broker that ran this long is healthy, and its next restart begins with the short pause.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// Pause between two log lines that say that we wait for `nats-server` to start.
const SAY_WAITING_EVERY: Duration = Duration::from_secs(10);

/// How long the guard may take to stop `nats-server` before we kill the guard: its own grace
/// and a little more, so that it is the guard that decides.
const GUARD_GRACE: Duration = Duration::from_secs(guard::STOP_GRACE.as_secs() + 5);

/// What the embedded broker needs to start.
#[derive(Debug)]
pub struct Settings {
    /// The data directory; the broker lives in `nats` below it.
    pub data_dir: PathBuf,
    /// The `nats-server` program, from [`binary::find`].
    pub binary: PathBuf,
    /// When an accepted webhook is on disk.
    pub durability: Durability,
}

/// How clients of this process reach the embedded broker. It stays the same when the broker is
/// restarted.
#[derive(Clone, Debug)]
pub struct Access {
    /// A loopback address.
    pub address: SocketAddr,
    /// The only user.
    pub user: String,
    /// Its password, made anew at every start of relay-server.
    pub password: Secret,
}

/// A running `nats-server` of our own.
#[derive(Debug)]
pub struct Embedded {
    settings: Settings,
    config: Config,
    guard: Guard,
    disk: Disk,
}

/// The guard process, and our end of the pipe that keeps it going.
#[derive(Debug)]
struct Guard {
    child: Child,
    /// Apart from `child`, because waiting for a child closes the pipe that is still in it.
    lifeline: Option<ChildStdin>,
}

/// The broker's directory in the data directory.
fn dir(data_dir: &Path) -> PathBuf {
    data_dir.join("nats")
}

/// Where the broker keeps events, in the data directory.
pub fn store_dir(data_dir: &Path) -> PathBuf {
    dir(data_dir).join(config::STORE)
}

/// How to reach the broker of the server that runs on this data directory.
///
/// # Errors
/// Where its configuration cannot be read: no server was started there, or it is another user's.
pub fn access(data_dir: &Path) -> anyhow::Result<Access> {
    let path = dir(data_dir).join(config::FILE);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("read {}; does a relay-server run on this data directory?", path.display()))?;
    config::access(&text).with_context(|| format!("{} is not what relay-server writes", path.display()))
}

impl Embedded {
    /// Starts `nats-server` on the store in the data directory and waits until it answers,
    /// however long it needs to read a large store.
    ///
    /// A `nats-server` that an earlier, killed relay-server left on this store is stopped first.
    ///
    /// # Errors
    ///
    /// Where the configuration cannot be written, or `nats-server` ends instead of answering;
    /// the error then ends with the last lines of its log.
    pub async fn start(settings: Settings) -> anyhow::Result<Self> {
        let dir = dir(&settings.data_dir);
        data_dir::make_private_dir(&dir).with_context(|| format!("make {}", dir.display()))?;
        let password = token::generate().context("make a password for nats-server")?;
        let mut tries = 1;
        loop {
            let [port, monitor_port] = free_ports().context("find free ports for nats-server")?;
            let config = Config {
                server_name: server_name()?,
                port,
                monitor_port,
                monitor_path: token::generate().context("make a path for the health of nats-server")?,
                user: "relay".to_owned(),
                password: password.clone(),
                durability: settings.durability,
                dir: dir.clone(),
            };
            config.write()?;
            stale::stop(&config.path()).await?;
            let mut guard = Guard::spawn(&settings.binary, &config.path())?;
            match guard.until_ready(&config).await {
                Ready::Yes => {
                    let disk =
                        Disk::new(config.monitor_address(), &config.monitor_path, store_dir(&settings.data_dir))?;
                    return Ok(Self { settings, config, guard, disk });
                }
                Ready::Ended(_) if tries < PORT_TRIES => tries += 1,
                Ready::Ended(status) => bail!(
                    "nats-server ended at start ({status}); the end of {}:\n{}",
                    config.log_path().display(),
                    log_tail(&config.log_path())
                ),
            }
        }
    }

    /// How to connect to it.
    pub fn access(&self) -> Access {
        Access {
            address: self.config.address(),
            user: self.config.user.clone(),
            password: self.config.password.clone(),
        }
    }

    /// What is wrong with its disk now, if anything is.
    pub fn disk_problem(&self) -> watch::Receiver<Option<String>> {
        self.disk.problem()
    }

    /// Keeps it running until `stop`, then stops it. Never gives up: a broker that dies is
    /// started again on the same port, with a pause that grows; so is one that does not write any
    /// more once its disk has room.
    pub async fn run(mut self, stop: Stop) {
        let mut pause = RESTART_PAUSE_MIN;
        loop {
            let started = Instant::now();
            tokio::select! {
                // Asked to end: the guard stops the broker.
                () = stop.given() => return self.guard.stop().await,
                // The broker or its guard is gone.
                ended = self.guard.child.wait() => {
                    tracing::warn!(status = %status_text(&ended), "nats-server ended, starting it again");
                }
                // It writes again only after another start.
                () = self.disk.until_start_helps() => {
                    tracing::warn!("its disk has room, starting nats-server again");
                    self.guard.end().await;
                }
            }
            if started.elapsed() >= HEALTHY_AFTER {
                pause = RESTART_PAUSE_MIN;
            }
            loop {
                tokio::select! {
                    // Asked to end while none runs, unless only its guard was killed.
                    () = stop.given() => return self.stop_orphan().await,
                    // Time for the next try.
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(RESTART_PAUSE_MAX);
                match self.restart_once(&stop).await {
                    Ok(()) => break,
                    Err(err) => {
                        tracing::error!(error = format!("{err:#}"), "nats-server could not be started again, trying on")
                    }
                }
            }
        }
    }

    async fn stop_orphan(&self) {
        if let Err(err) = stale::stop(&self.config.path()).await {
            tracing::error!(error = format!("{err:#}"), "nats-server may still run");
        }
    }

    async fn restart_once(&mut self, stop: &Stop) -> anyhow::Result<()> {
        stale::stop(&self.config.path()).await?;
        self.guard = Guard::spawn(&self.settings.binary, &self.config.path())?;
        tokio::select! {
            // The caller's loop stops the broker.
            () = stop.given() => Ok(()),
            ready = self.guard.until_ready(&self.config) => match ready {
                Ready::Yes => {
                    tracing::info!("nats-server answers again");
                    Ok(())
                }
                Ready::Ended(status) => bail!("it ended at start ({status})"),
            }
        }
    }
}

impl Guard {
    /// Starts the guard, which starts `nats-server`.
    fn spawn(binary: &Path, config: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(own_program()?);
        command
            .arg0("relay-server")
            .arg(guard::SUBCOMMAND)
            .arg(binary)
            .arg(config)
            // The pipe is the life line: its write end is closed by our death, whatever its cause.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A group of its own: Ctrl-C in a terminal is for us, and the broker outlives the drain.
            .process_group(0);
        let mut child = command.spawn().context("start the guard of nats-server")?;
        let lifeline = child.stdin.take().context("hold the pipe to the guard of nats-server")?;
        Ok(Self { child, lifeline: Some(lifeline) })
    }

    async fn until_ready(&mut self, config: &Config) -> Ready {
        let answers = probe::until_answers(config.address(), &config.server_name);
        let mut answers = std::pin::pin!(answers);
        loop {
            tokio::select! {
                // The broker could not start.
                ended = self.child.wait() => return Ready::Ended(status_text(&ended)),
                // It greets.
                () = &mut answers => return Ready::Yes,
                // A large store takes its time; nobody should have to guess what we wait for.
                () = tokio::time::sleep(SAY_WAITING_EVERY) => {
                    tracing::info!(log = %config.log_path().display(), "nats-server is still reading its store");
                }
            }
        }
    }

    async fn stop(mut self) {
        self.end().await;
    }

    /// Closes the pipe and waits for the end of both.
    async fn end(&mut self) {
        self.lifeline = None;
        if tokio::time::timeout(GUARD_GRACE, self.child.wait()).await.is_err() {
            tracing::error!("the guard of nats-server does not end, killing it");
            if let Err(err) = self.child.kill().await {
                tracing::error!(error = %err, "the guard of nats-server cannot be killed");
            }
        }
    }
}

/// How waiting for the broker came out.
enum Ready {
    /// It answers, and it is ours.
    Yes,
    /// It is gone.
    Ended(String),
}

fn status_text(ended: &std::io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => status.to_string(),
        Err(err) => format!("its state is unknown: {err}"),
    }
}

/// Our own program, found even after an upgrade has replaced the file on disk.
fn own_program() -> anyhow::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok(PathBuf::from("/proc/self/exe"));
    }
    std::env::current_exe().context("find our own program")
}

/// Two ports that were free a moment ago.
fn free_ports() -> std::io::Result<[u16; 2]> {
    let [first, second] = [TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?];
    Ok([first.local_addr()?.port(), second.local_addr()?.port()])
}

/// A name that no other server has, so that a stranger's on the same port is not taken for ours.
fn server_name() -> anyhow::Result<String> {
    let random = token::generate().context("name nats-server")?;
    Ok(format!("relay-{}", random.expose().get(..12).unwrap_or_default()))
}

/// The last lines of the broker's log, for an error message.
fn log_tail(path: &Path) -> String {
    const LINES: usize = 8;
    match std::fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(LINES)..].join("\n")
        }
        Err(err) => format!("(cannot be read: {err})"),
    }
}
