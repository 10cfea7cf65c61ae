//! A server on a data directory of its own, for a program of others to judge.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use anyhow::Context;
use serde_json::Value;

use crate::up::child::Running;
use crate::up::stage::{start_server, until_listening, until_ready};
use crate::{steps, workspace};

/// The server. It ends with this.
pub(crate) struct Judged {
    server: Running,
    dir: PathBuf,
    address: SocketAddr,
}

impl Judged {
    /// Starts it at this address on an empty directory of that name below `target`, over TLS with an
    /// authority of its own where `is_tls`.
    ///
    /// # Errors
    /// Where it does not start.
    pub(crate) fn start(name: &str, nats_server: &Path, address: SocketAddr, is_tls: bool) -> anyhow::Result<Self> {
        let dir = workspace::target().join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
        }
        let logs = dir.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
        let (tx, news) = channel();
        let more: &[&str] = if is_tls { &["--tls-local-ca"] } else { &[] };
        let mut server = start_server(nats_server, &dir, address, more, &logs, tx)?;
        match is_tls {
            // What is asked below is asked in plain text.
            true => until_listening(&mut server, &news)?,
            false => until_ready(address, &mut server, &news)?,
        }
        Ok(Self { server, dir, address })
    }

    /// Its data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Nothing while it runs.
    ///
    /// # Errors
    /// Where it has ended, with the end of its log.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        self.server.check()
    }

    /// How many files and connections it holds.
    ///
    /// # Errors
    /// Where it has ended.
    pub(crate) fn files(&self) -> anyhow::Result<usize> {
        self.server.files()
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        self.server.log_tail()
    }

    /// Runs `relay` as the owner of that token and reads the JSON that it says.
    ///
    /// # Errors
    /// Where it fails.
    pub(crate) fn relay(&self, args: &[&str]) -> anyhow::Result<Value> {
        let [key, secret] = admin(&self.dir)?;
        let mut relay = workspace::program(&workspace::dev_program("relay"));
        relay
            .env("RELAY_API_ADDRESS", format!("http://{}", self.address))
            .env("RELAY_KEY", key)
            .env("RELAY_SECRET", secret);
        let text = steps::read(relay.args(args).arg("--json"))?;
        serde_json::from_str(&text).with_context(|| format!("read what `relay {}` says", args.join(" ")))
    }
}

/// The key and the secret of the first token of a server with this data directory.
///
/// # Errors
/// Where they cannot be read.
pub(crate) fn admin(data_dir: &Path) -> anyhow::Result<[String; 2]> {
    let text = fs::read_to_string(data_dir.join("admin.json")).context("read the credentials")?;
    let admin: Value = serde_json::from_str(&text).context("read the credentials")?;
    let field =
        |name: &str| admin[name].as_str().map(str::to_owned).with_context(|| format!("the credentials have no {name}"));
    Ok([field("key")?, field("secret")?])
}
