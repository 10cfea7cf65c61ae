//! A `nats-server` with the configuration that is shipped, `nats/server.conf`: over TLS, with one user
//! for each role and no more rights than it needs.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::process::Process;
use crate::wait::holds;
use crate::{programs, server};

/// The configuration as it is shipped.
const SERVER_CONF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../nats/server.conf");
/// Its users, but for that of its own account; the roles are called the same.
const USERS: [&str; 4] = ["auth", "api", "ingress", "dispatcher"];

/// A broker whose users have rights.
#[derive(Debug)]
pub struct Rights {
    dir: PathBuf,
    port: u16,
    _process: Process,
}

impl Rights {
    /// Starts one with its files in `dir`; only paths, passwords and the port are other ones.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) async fn start(dir: PathBuf, logs: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir)?;
        let certs = Command::new(programs::of_workspace("relay-server")?)
            .args(["make-certs", "--name", "tls=localhost", "--dir"])
            .arg(&dir)
            .output()
            .await?;
        ensure!(certs.status.success(), "{}", String::from_utf8_lossy(&certs.stderr));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let place = dir.to_str().context("the directory's name is no text")?;
        let conf = fs::read_to_string(SERVER_CONF)?
            .replace("0.0.0.0:4222", &format!("127.0.0.1:{port}"))
            .replace("/run/relay", place)
            .replace("\"/data\"", &format!("\"{place}/data\""));
        fs::write(dir.join("server.conf"), conf)?;
        let mut command = Command::new(programs::nats_server()?);
        command.arg("--config").arg(dir.join("server.conf")).arg("--log").arg(dir.join("nats.log"));
        for user in USERS.into_iter().chain(["sys"]) {
            command.env(format!("NATS_{}_PASSWORD", user.to_uppercase()), password(user));
        }
        let mut process = Process::start("nats-server", command, logs)?;
        let listens = async || Ok(holds(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()));
        process.until("nats-server listens", listens).await?;
        Ok(Self { dir, port, _process: process })
    }

    /// A server of this role, as the user of that name.
    pub(crate) fn of_role(&self, plan: server::Plan, role: &str) -> server::Plan {
        let url = format!("tls://localhost:{}", self.port);
        let ca_file = self.dir.join("ca.pem");
        plan.args(["--roles", role, "--nats-url", &url, "--nats-user", role])
            .args(["--nats-ca-file", &ca_file.to_string_lossy()])
            .env("RELAY_NATS_PASSWORD", &password(role))
    }

    /// A connection as one of the users.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn client(&self, user: &str) -> anyhow::Result<async_nats::Client> {
        let options = async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password(user));
        let options = options.add_root_certificates(self.dir.join("ca.pem")).require_tls(true);
        Ok(options.connect(format!("tls://localhost:{}", self.port)).await?)
    }

    /// What somebody tried and had no right to.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn violations(&self) -> anyhow::Result<Vec<String>> {
        let log = fs::read_to_string(self.dir.join("nats.log"))?;
        Ok(log.lines().filter(|line| line.contains("Violation")).map(str::to_owned).collect())
    }
}

fn password(user: &str) -> String {
    format!("of-{user}")
}
