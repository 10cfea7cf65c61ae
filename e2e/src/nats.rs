//! A `nats-server` that a test can kill and start again on the same store and port.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::process::Process;
use crate::programs;
use crate::wait::{holds, until};

/// How to reach a NATS.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it listens.
    pub address: SocketAddr,
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: String,
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
    access: Access,
    process: Process,
}

impl Nats {
    /// Starts one with its files in `dir`, on a port that the system chooses.
    ///
    /// # Errors
    /// When there is no `nats-server`, or it does not start.
    pub(crate) async fn start(dir: PathBuf, logs: PathBuf, durability: Durability) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir)?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        write_config(&dir, "-1", &password, durability)?;
        let process = spawn(&dir, &logs)?;
        let port = until("nats-server has a port", async || Ok(port_in(&dir))).await?;
        let access = Access { address: ([127, 0, 0, 1], port).into(), user: "relay".to_owned(), password };
        until_answers(access.address).await?;
        Ok(Self { dir, logs, durability, access, process })
    }

    /// How to reach it; stays the same over restarts.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Its URL, without credentials.
    pub fn url(&self) -> String {
        format!("nats://{}", self.access.address)
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
        write_config(&self.dir, &self.access.address.port().to_string(), &self.access.password, self.durability)?;
        self.process = spawn(&self.dir, &self.logs)?;
        until_answers(self.access.address).await
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn write_config(dir: &Path, port: &str, password: &str, durability: Durability) -> anyhow::Result<()> {
    let text = format!(
        r#"listen: "127.0.0.1:{port}"
ports_file_dir: "{dir}"
authorization {{ user: "relay", password: "{password}" }}
max_payload: 2MB
max_pending: 128MB
jetstream {{ store_dir: "{dir}/store", sync_interval: {sync}, max_memory_store: 1GB }}
"#,
        dir = dir.display(),
        sync = durability.sync_interval(),
    );
    fs::write(dir.join("nats.conf"), text).context("write nats.conf")
}

fn spawn(dir: &Path, logs: &Path) -> anyhow::Result<Process> {
    let mut command = Command::new(programs::nats_server()?);
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
