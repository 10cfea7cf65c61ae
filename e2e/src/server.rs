//! `relay-server` as a test runs it: with these roles, killed, started again at the same address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;

use crate::api::{Api, Token};
use crate::http::{Answer, Connection, Trust};
use crate::nats::Access;
use crate::process::Process;
use crate::wait::{holds, until};
use crate::{Caller, Log, programs};

/// What the first line of a server with the role `auth` begins with; it comes when the first token
/// is there.
const ANNOUNCED: &str = "relay-server ";

/// How a server is to be started.
#[derive(Clone, Debug)]
pub struct Plan {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    data_dir: PathBuf,
    logs: PathBuf,
    /// The certificate authority to trust, for one with TLS.
    ca_file: Option<PathBuf>,
    /// Another program than that of this workspace.
    program: Option<PathBuf>,
}

/// A running server.
pub struct Server {
    plan: Plan,
    address: SocketAddr,
    /// Bound to the address, never listening: nobody else is given the port while the server is down.
    _reserved: TcpSocket,
    trust: Option<Trust>,
    process: Process,
}

impl Plan {
    /// A server of that name, with all roles and a NATS of its own.
    pub(crate) fn new(name: &str, data_dir: PathBuf, logs: PathBuf) -> Self {
        Self { name: name.to_owned(), args: Vec::new(), env: Vec::new(), data_dir, logs, ca_file: None, program: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As this program: one of another version.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = Some(program);
        self
    }

    /// Only these roles, separated by commas.
    #[must_use]
    pub fn roles(self, roles: &str) -> Self {
        self.args(["--roles", roles])
    }

    /// With this NATS instead of an own one.
    #[must_use]
    pub fn nats(self, access: &Access) -> Self {
        let replicas = access.addresses.len().to_string();
        let plan = self.args(["--nats-url", &access.urls(), "--nats-user", &access.user, "--nats-replicas", &replicas]);
        plan.env("RELAY_NATS_PASSWORD", &access.password)
    }

    /// Over TLS, with a certificate authority of its own.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.ca_file = Some(self.data_dir.join("ca/ca.pem"));
        self.args(["--tls-local-ca"])
    }

    /// Over TLS, with these certificates in `dir`, each `<name>.pem` with `<name>.key`; the first is
    /// for the address that it listens at. All are from the authority in `ca.pem` there.
    #[must_use]
    pub fn tls_files(mut self, dir: &Path, names: &[&str]) -> Self {
        self.ca_file = Some(dir.join("ca.pem"));
        for name in names {
            let path = |ending: &str| dir.join(format!("{name}.{ending}")).to_string_lossy().into_owned();
            self = self.args(["--tls-cert", &path("pem"), "--tls-key", &path("key")]);
        }
        self
    }

    /// Starts it on a port that the system chooses, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead.
    pub async fn start(self) -> anyhow::Result<Server> {
        let mut server = self.launch().await?;
        server.until_serving().await?;
        Ok(server)
    }

    /// As [`Plan::start`], without waiting until it is ready: it may need others for that.
    ///
    /// # Errors
    /// When it ends instead of listening.
    pub async fn launch(self) -> anyhow::Result<Server> {
        let reserved = TcpSocket::new_v4()?;
        reserved.set_reuseaddr(true)?;
        reserved.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = reserved.local_addr()?;
        let mut process = self.spawn(address)?;
        let what = format!("{} listens", self.name);
        process.until(&what, async || Ok(holds(TcpStream::connect(address).await.is_ok()))).await?;
        let trust = self.ca_file.as_deref().map(Trust::file).transpose()?;
        Ok(Server { plan: self, address, _reserved: reserved, trust, process })
    }

    fn spawn(&self, address: SocketAddr) -> anyhow::Result<Process> {
        let program = self.program.clone().map_or_else(|| programs::of_workspace("relay-server"), Ok);
        let mut command = Command::new(program?);
        clean_environment(&mut command, &self.data_dir);
        command
            .args(["--http-addr", &address.to_string(), "--data-dir"])
            .arg(&self.data_dir)
            .args(&self.args)
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        if !self.args.iter().any(|arg| arg == "--nats-url") {
            command.arg("--nats-server").arg(programs::nats_server()?);
        }
        Process::start(&self.name, command, &self.logs)
    }

    fn has(&self, role: &str) -> bool {
        let roles = self.args.iter().skip_while(|arg| *arg != "--roles").nth(1);
        roles.is_none_or(|roles| roles.split(',').any(|one| one == role))
    }
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let scheme = if self.trust.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        &self.plan.data_dir
    }

    /// The certificate authority to trust, for a server with TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.plan.ca_file.clone()
    }

    /// Opens a connection to it.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn connect(&self) -> std::io::Result<Connection> {
        match &self.trust {
            Some(trust) => Connection::open_tls(self.address, trust).await,
            None => Connection::open(self.address).await,
        }
    }

    /// Sends webhooks to it.
    pub fn caller(&self) -> Caller {
        Caller::new(self.address, self.trust.clone())
    }

    /// Its REST API, as the owner of the first token: the one that was given, or the one that the
    /// server made.
    ///
    /// # Errors
    /// When there is neither.
    pub fn api(&self) -> anyhow::Result<Api> {
        let given = |name: &str| self.plan.env.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let token = match (given("RELAY_ADMIN_KEY"), given("RELAY_ADMIN_SECRET")) {
            (Some(key), Some(secret)) => Token { key, secret },
            _ => Token::of_admin_file(&self.plan.data_dir.join("admin.json"))?,
        };
        Ok(Api::new(self.address, self.trust.clone(), token))
    }

    /// What is in its own NATS.
    ///
    /// # Errors
    /// When it does not run one, or that cannot be reached.
    pub async fn log(&self) -> anyhow::Result<Log> {
        Log::open(&self.nats()?).await
    }

    /// How to reach its own NATS.
    ///
    /// # Errors
    /// When it does not run one.
    pub fn nats(&self) -> anyhow::Result<Access> {
        let config = std::fs::read_to_string(self.plan.data_dir.join("nats/nats.conf"))?;
        let value = |name: &str| -> anyhow::Result<String> {
            let line = config.lines().find_map(|line| line.trim().strip_prefix(name));
            Ok(line.with_context(|| format!("nats.conf has no {name}"))?.trim().trim_matches('"').to_owned())
        };
        Ok(Access { addresses: vec![value("listen:")?.parse()?], user: value("user:")?, password: value("password:")? })
    }

    /// Waits until `/readyz` says so.
    ///
    /// # Errors
    /// When it does not.
    pub async fn until_ready(&self) -> anyhow::Result<()> {
        let what = format!("{} is ready", self.plan.name);
        until(&what, async || Ok(holds(self.status("/readyz").await == Some(200)))).await
    }

    /// Whether `/readyz` answers 503 and gives this as a reason.
    pub async fn is_not_ready_for(&self, why: &str) -> bool {
        let Ok(answer) = self.get("/readyz").await else { return false };
        answer.status == 503 && String::from_utf8_lossy(&answer.body).contains(why)
    }

    /// Waits until it is ready, its first token is there, and its REST API takes it.
    ///
    /// # Errors
    /// When it ends instead.
    pub async fn until_serving(&mut self) -> anyhow::Result<()> {
        if self.plan.has("auth") {
            self.process.says(ANNOUNCED).await?;
        }
        self.until_ready().await?;
        if !self.plan.has("api") {
            return Ok(());
        }
        let (api, what) = (self.api()?, format!("{} takes its first token", self.plan.name));
        until(&what, async || {
            let answer = api.request("GET", "/v1/buckets", &serde_json::Value::Null).await?;
            Ok(holds(answer.status == 200))
        })
        .await
    }

    /// The status that a GET of this path is answered with; none without an answer.
    pub async fn status(&self, path: &str) -> Option<u16> {
        self.get(path).await.ok().map(|answer| answer.status)
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill().await
    }

    /// Starts it again at the same address with the same files, as a supervisor would, and waits
    /// until it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = self.plan.spawn(self.address)?;
        self.until_serving().await
    }

    /// How it is started.
    pub fn plan(&self) -> Plan {
        self.plan.clone()
    }

    /// Starts it in this way from the next time on.
    pub fn set_plan(&mut self, plan: Plan) {
        self.plan = plan;
    }

    /// As [`Server::start_again`], with another value of this environment variable from now on, and
    /// without waiting until it is ready.
    ///
    /// # Errors
    /// When it does not start.
    pub fn launch_again_with(&mut self, name: &str, value: &str) -> anyhow::Result<()> {
        self.plan.env.retain(|(known, _)| known != name);
        self.plan.env.push((name.to_owned(), value.to_owned()));
        self.process = self.plan.spawn(self.address)?;
        Ok(())
    }

    /// The answer to a GET of this path.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let mut connection = self.connect().await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        connection.send(request.as_bytes()).await?;
        connection.answer("GET").await
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

/// Takes from a program what this user's environment would tell it.
pub(crate) fn clean_environment(command: &mut Command, home: &Path) {
    command.env_clear().env("HOME", home).env("XDG_CONFIG_HOME", home.join("config"));
    for name in ["PATH", "RELAY_LOG", "RUST_BACKTRACE", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}
