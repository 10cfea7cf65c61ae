//! One test's own corner of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Signal;
use tempfile::TempDir;
use uuid::Uuid;

use crate::api::{Api, Token};
use crate::nats::cluster::{Cluster, SERVERS};
use crate::nats::{Access, Durability};
use crate::netns::Namespace;
use crate::report::say;
use crate::{Caller, Log, Nats, Rights, Server, agent, process, server};

/// What every program writes when it panics, which none may ever do.
const PANIC: &str = "panicked at";
/// How long what was started may take to be gone after it was killed.
const END_WAIT: Duration = Duration::from_secs(10);

/// A directory, and everything that is started in it.
///
/// Dropped last, it kills what is left of the processes that name its directory, and fails the
/// test if any program has panicked. When the test has failed, it shows the ends of all logs.
pub struct World {
    dir: TempDir,
    master_key: String,
    admin: Token,
}

/// A relay whose roles are processes of their own, around one NATS server, or a cluster of them.
pub struct Spread<N = Nats> {
    /// The broker.
    pub nats: N,
    /// Checks credentials.
    pub auth: Server,
    /// Takes webhooks.
    pub ingress: Server,
    /// Serves agents.
    pub dispatcher: Server,
    /// Serves REST.
    pub api: Server,
}

/// Tells a story in a world of its own. When it ends in an error the test fails, and the ends of
/// all logs are shown.
pub async fn story(tell: impl AsyncFnOnce(&World) -> anyhow::Result<()>) {
    let world = World::new();
    let told = match &world {
        Ok(world) => Box::pin(tell(world)).await,
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    };
    // The world is dropped while this unwinds, and shows its logs.
    let failure = told.err().map(|error| format!("{error:#}"));
    assert!(failure.is_none(), "{}", failure.unwrap_or_default());
}

impl World {
    /// An empty world.
    ///
    /// # Errors
    /// When its directory cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("relay-e2e-").tempdir()?;
        fs::create_dir(dir.path().join("logs"))?;
        let random = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
        let secret = [Uuid::new_v4(), Uuid::new_v4()].map(|half| half.simple().to_string()).concat();
        let admin = Token { key: Uuid::new_v4().to_string(), secret };
        Ok(Self { dir, master_key: BASE64_STANDARD.encode(random), admin })
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where all output of its processes is.
    pub fn logs(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    /// The master key of all servers around one NATS, until they are given another.
    pub fn master_key(&self) -> &str {
        &self.master_key
    }

    /// A server with all roles, a NATS of its own and its files in `<name>`.
    pub fn server(&self, name: &str) -> server::Plan {
        server::Plan::new(name, self.dir.path().join(name), self.logs())
    }

    /// A server with these roles around a NATS that others share.
    pub fn server_around(&self, nats: &impl AsRef<Access>, name: &str, roles: &str) -> server::Plan {
        self.among_others(self.server(name).roles(roles).nats(nats.as_ref()))
    }

    /// With what all servers around one NATS have in common.
    fn among_others(&self, plan: server::Plan) -> server::Plan {
        plan.env("RELAY_MASTER_KEY", &self.master_key)
            .env("RELAY_ADMIN_KEY", &self.admin.key)
            .env("RELAY_ADMIN_SECRET", &self.admin.secret)
    }

    /// Starts a NATS with every message on disk before it is acknowledged.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn nats(&self) -> anyhow::Result<Nats> {
        self.nats_with(Durability::Always).await
    }

    /// Starts a NATS.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn nats_with(&self, durability: Durability) -> anyhow::Result<Nats> {
        self.nats_in(self.dir.path(), durability).await
    }

    /// Starts a NATS whose files are in a directory below this one, which may be a disk of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn nats_in(&self, dir: &Path, durability: Durability) -> anyhow::Result<Nats> {
        Nats::start(dir.join("nats"), self.logs(), durability).await
    }

    /// Starts three NATS servers that keep everything three times.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn cluster(&self) -> anyhow::Result<Cluster> {
        self.cluster_in(self.dir.path(), Durability::Always).await
    }

    /// Starts three NATS servers whose files are in directories below this one.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn cluster_in(&self, dir: &Path, durability: Durability) -> anyhow::Result<Cluster> {
        Cluster::start(dir, &self.logs(), durability).await
    }

    /// Starts three NATS servers, each on a machine of its own; their files are here.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn cluster_apart(&self, machines: [Namespace; SERVERS]) -> anyhow::Result<Cluster> {
        Cluster::start_apart(machines, self.dir.path(), &self.logs(), Durability::Always).await
    }

    /// Starts a NATS with the configuration that is shipped.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn rights(&self) -> anyhow::Result<Rights> {
        Rights::start(self.dir.path().join("nats"), &self.logs()).await
    }

    /// A server with this role and its rights.
    pub fn server_with_rights(&self, rights: &Rights, name: &str, role: &str) -> server::Plan {
        self.among_others(rights.of_role(self.server(name), role))
    }

    /// Starts a relay with a process for each role.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn spread(&self) -> anyhow::Result<Spread> {
        self.spread_around(self.nats().await?).await
    }

    /// Starts a relay with a process for each role around this NATS.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn spread_around<N: AsRef<Access>>(&self, nats: N) -> anyhow::Result<Spread<N>> {
        // Together, as a supervisor would: each waits for what it needs from the others.
        let launch = |role: &'static str| self.server_around(&nats, role, role).launch();
        let (mut auth, mut ingress, mut dispatcher, mut api) =
            tokio::try_join!(launch("auth"), launch("ingress"), launch("dispatcher"), launch("api"))?;
        for server in [&mut auth, &mut ingress, &mut dispatcher, &mut api] {
            server.until_serving().await?;
        }
        Ok(Spread { nats, auth, ingress, dispatcher, api })
    }

    /// An agent, or another use of the `relay` program.
    pub fn agent(&self, name: &str) -> agent::Plan {
        agent::Plan::new(name, self.dir.path().join(format!("home-{name}")), self.logs())
    }
}

impl<N: AsRef<Access>> Spread<N> {
    /// The REST API, as the owner of the first token.
    ///
    /// # Errors
    /// Never: the token was given to the servers.
    pub fn rest(&self) -> anyhow::Result<Api> {
        self.api.api()
    }

    /// Sends webhooks.
    pub fn caller(&self) -> Caller {
        self.ingress.caller()
    }

    /// What is in NATS.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn log(&self) -> anyhow::Result<Log> {
        Log::open(self.nats.as_ref()).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let left = end_all(self.dir.path());
        let logs = logs(&self.logs());
        if std::thread::panicking() {
            show(&logs);
            keep(&mut self.dir);
            return;
        }
        let panicked: Vec<_> = logs.iter().filter(|(_, text)| text.contains(PANIC)).collect();
        for (path, text) in &panicked {
            let lines = text.lines().skip_while(|line| !line.contains(PANIC)).take(10).collect::<Vec<_>>();
            say(&format!("--- {}\n{}", path.display(), lines.join("\n")));
        }
        assert!(panicked.is_empty(), "a program has panicked");
        assert!(left.is_empty(), "processes are left: {left:?}");
    }
}

/// Kills what still names the directory; returns what cannot be killed.
fn end_all(dir: &Path) -> Vec<u32> {
    let deadline = Instant::now() + END_WAIT;
    loop {
        let left = process::naming(dir);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        for id in left {
            // It may have ended this moment; the next look says so.
            let _ = process::send(id, Signal::KILL);
        }
        std::thread::yield_now();
    }
}

fn logs(dir: &Path) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut logs: Vec<_> = files
        .map(|path| {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
            (path, text)
        })
        .collect();
    logs.sort();
    logs
}

fn show(logs: &[(PathBuf, String)]) {
    for (path, text) in logs.iter().filter(|(_, text)| !text.is_empty()) {
        say(&format!("--- {}", path.display()));
        if text.contains(PANIC) {
            say("(it panicked)");
        }
        say(&process::tail(path));
    }
}

/// The directory of a failed test stays when `RELAY_E2E_KEEP` is set.
fn keep(dir: &mut TempDir) {
    if std::env::var_os("RELAY_E2E_KEEP").is_some() {
        dir.disable_cleanup(true);
        say(&format!("kept: {}", dir.path().display()));
    }
}
