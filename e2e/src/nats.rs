//! A `nats-server` that a test can kill and start again on the same store and port.

pub mod blocks;
pub mod cluster;
pub mod routes;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use async_nats::{ConnectOptions, ServerAddr, jetstream};
use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::netns::Namespace;
use crate::process::{Process, send};
use crate::programs;
use crate::wait::{holds, until};

/// The only user of a test's NATS.
const USER: &str = "relay";

/// More than any test keeps.
const ROOM_BYTES: u64 = 64 << 30;

/// How to reach a NATS.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where its servers listen.
    pub addresses: Vec<SocketAddr>,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl Access {
    /// Connects past the relay.
    ///
    /// # Errors
    /// When no server can be reached.
    pub async fn connect(&self) -> anyhow::Result<async_nats::Client> {
        let options = ConnectOptions::with_user_and_password(self.user.clone(), self.password.clone());
        let servers = self.addresses.iter().map(|address| address.to_string().parse::<ServerAddr>());
        options.connect(servers.collect::<Result<Vec<_>, _>>()?).await.context("connect to NATS")
    }

    /// The URLs of the servers, without credentials, as `relay-server --nats-url` wants them.
    pub fn urls(&self) -> String {
        self.addresses.iter().map(|address| format!("nats://{address}")).collect::<Vec<_>>().join(",")
    }
}

/// When a message that was acknowledged is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// At once.
    Always,
    /// Within two minutes.
    Fast,
}

impl Durability {
    /// As `relay-server --durability` wants it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Fast => "fast",
        }
    }

    fn sync_interval(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Fast => "\"2m\"",
        }
    }
}

/// A `nats-server` of a test's own.
#[derive(Debug)]
pub struct Nats {
    dir: PathBuf,
    logs: PathBuf,
    durability: Durability,
    /// What makes it one of a cluster, in its configuration.
    membership: Option<String>,
    /// How many bytes it keeps at most; as many as the disk has when there is none.
    room_bytes: Option<u64>,
    address: SocketAddr,
    access: Access,
    process: Process,
    /// The machine that it runs on, if that is not this one.
    machine: Option<Namespace>,
}

impl AsRef<Access> for Nats {
    fn as_ref(&self) -> &Access {
        &self.access
    }
}

impl Nats {
    /// Starts one with its files in `dir`, on a port that the system chooses.
    ///
    /// # Errors
    /// When there is no `nats-server`, or it does not start.
    pub(crate) async fn start(dir: PathBuf, logs: PathBuf, durability: Durability) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir)?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        write_config(&dir, "127.0.0.1:-1", &password, durability, None, None)?;
        let process = spawn(&dir, &logs, None)?;
        let port = until("nats-server has a port", async || Ok(port_in(&dir))).await?;
        let address = ([127, 0, 0, 1], port).into();
        let access = Access { addresses: vec![address], user: USER.to_owned(), password };
        until_answers(address).await?;
        Ok(Self { dir, logs, durability, membership: None, room_bytes: None, address, access, process, machine: None })
    }

    /// How to reach it; stays the same over restarts.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its messages lie.
    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Starts it again on the same store and port, and waits until it answers.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.launch()?;
        until_answers(self.address).await
    }

    /// Starts it on its store and port.
    fn launch(&mut self) -> anyhow::Result<()> {
        // A power cut may have taken the directory away.
        fs::create_dir_all(&self.dir)?;
        self.write_config()?;
        self.process = spawn(&self.dir, &self.logs, self.machine.as_ref())?;
        Ok(())
    }

    fn write_config(&self) -> anyhow::Result<()> {
        let (listen, password) = (self.address.to_string(), &self.access.password);
        write_config(&self.dir, &listen, password, self.durability, self.membership.as_deref(), self.room_bytes)
    }

    /// Gives it room for so many bytes from its next start on.
    pub fn limit(&mut self, room_bytes: u64) {
        self.room_bytes = Some(room_bytes);
    }

    /// Gives it more than any test needs, while it runs: by its configuration and SIGHUP, which can raise a
    /// limit and not take it away.
    ///
    /// # Errors
    /// When it does not run.
    pub fn raise_limit(&mut self) -> anyhow::Result<()> {
        self.room_bytes = Some(ROOM_BYTES);
        self.write_config()?;
        send(self.process.id().context("nats-server has ended")?, Signal::HUP)
    }

    /// How many bytes it keeps now.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn kept_bytes(&self) -> anyhow::Result<u64> {
        let account = jetstream::new(self.access.connect().await?).query_account().await?;
        Ok(account.storage)
    }

    /// The machine that it runs on, if that is not this one.
    pub fn machine(&self) -> Option<&Namespace> {
        self.machine.as_ref()
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its process, to be stopped or waited for.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn write_config(
    dir: &Path,
    listen: &str,
    password: &str,
    durability: Durability,
    membership: Option<&str>,
    room_bytes: Option<u64>,
) -> anyhow::Result<()> {
    let text = format!(
        r#"listen: "{listen}"
ports_file_dir: "{dir}"
authorization {{ user: "{USER}", password: "{password}" }}
max_payload: 2MB
max_pending: 128MB
jetstream {{ store_dir: "{dir}/store", sync_interval: {sync}, max_memory_store: 1GB{room} }}
{membership}
"#,
        dir = dir.display(),
        sync = durability.sync_interval(),
        room = room_bytes.map(|bytes| format!(", max_file_store: {bytes}")).unwrap_or_default(),
        membership = membership.unwrap_or_default(),
    );
    fs::write(dir.join("nats.conf"), text).context("write nats.conf")
}

fn spawn(dir: &Path, logs: &Path, machine: Option<&Namespace>) -> anyhow::Result<Process> {
    let program = programs::nats_server()?;
    let mut command = machine.map_or_else(|| Command::new(&program), |machine| machine.command(&program));
    command.arg("--config").arg(dir.join("nats.conf"));
    Process::start("nats-server", command, logs)
}

/// The port in the file that `nats-server` writes as `<program>_<pid>.ports`.
fn port_in(dir: &Path) -> Option<u16> {
    let files = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    let file = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "ports"))?;
    let ports: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let url = ports["nats"][0].as_str()?;
    url.rsplit_once(':')?.1.parse().ok()
}

/// Waits until a `nats-server` greets who connects.
async fn until_answers(address: SocketAddr) -> anyhow::Result<()> {
    until("nats-server answers", async || {
        let Ok(mut stream) = TcpStream::connect(address).await else { return Ok(None) };
        let mut greeting = [0; 4];
        Ok(holds(stream.read_exact(&mut greeting).await.is_ok() && &greeting == b"INFO"))
    })
    .await
}
