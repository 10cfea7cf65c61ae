//! A real NATS with copies of the service on it, for tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crypto::Secret;
use crypto::key::{MasterKey, MasterKeys};
use model::record::{ApiAccess, Scopes};
use model::{AccountId, TokenId};
use store::verification::{Answer, Question, Verified};
use store::{Options, Store};
use telemetry::Stop;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{Auth, Config};

/// How long anything is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A NATS of its own, and the processes on it. Everything ends when it is dropped.
pub(super) struct House {
    nats: Child,
    dir: TempDir,
    url: String,
    masters: MasterKeys,
    stop: Stop,
}

/// A running copy of the service.
pub(super) struct Running {
    stop: Stop,
    task: JoinHandle<()>,
}

impl House {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nats = start_nats(dir.path(), "-1");
        let house = Self {
            url: url_of(dir.path(), nats.id()).await,
            nats,
            dir,
            masters: MasterKeys::new(MasterKey::generate().unwrap(), Vec::new()),
            stop: Stop::new(),
        };
        house.open(true).await;
        house
    }

    /// The store as another process has it.
    pub(super) async fn store(&self) -> Store {
        self.open(false).await
    }

    async fn open(&self, provision: bool) -> Store {
        let name = format!("test-{}", Uuid::new_v4().simple());
        let options = Options { provision, shards: 1, client_name: name, ..Options::new(&self.url) };
        let (store, driver) = Store::open(options, self.masters.clone(), &self.stop, |_| {}).await.unwrap();
        let stop = self.stop.clone();
        tokio::spawn(async move { Box::pin(driver.run(&stop)).await });
        store.directory().loaded().await;
        store
    }

    /// Starts a copy of the service with a store of its own, and waits until it answers.
    pub(super) async fn copy(&self) -> Running {
        let store = self.store().await;
        let auth = Auth::new(store.clone(), &Config::default()).unwrap();
        let stop = self.stop.child();
        let given = stop.clone();
        let task = tokio::spawn(async move { auth.run(&given).await });
        let unknown = Question::Renew { token: TokenId(Uuid::nil()) };
        eventually("the service answers", || async {
            matches!(store.verification().ask(&unknown).await, Ok(Answer::Refused))
        })
        .await;
        Running { stop, task }
    }

    /// Kills NATS and starts it again on the same address and files.
    pub(super) async fn restart_nats(&mut self) {
        self.nats.kill().unwrap();
        self.nats.wait().unwrap();
        let (_, port) = self.url.rsplit_once(':').unwrap();
        self.nats = start_nats(self.dir.path(), port);
        url_of(self.dir.path(), self.nats.id()).await;
    }

    /// Whether any file that NATS wrote holds this text.
    pub(super) fn is_on_disk(&self, text: &str) -> bool {
        files_below(self.dir.path())
            .iter()
            .filter_map(|file| fs::read(file).ok())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.give();
        let killed = self.nats.kill().and_then(|()| self.nats.wait());
        assert!(killed.is_ok() || std::thread::panicking(), "{killed:?}");
    }
}

impl Running {
    /// Stops the copy and waits until it has ended.
    pub(super) async fn end(self) {
        self.stop.give();
        self.task.await.unwrap();
    }
}

pub(super) fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

pub(super) async fn verify(store: &Store, token: TokenId, text: &str) -> Answer {
    let question = Question::Verify { token, secret: secret(text) };
    store.verification().ask(&question).await.unwrap()
}

pub(super) async fn verified(store: &Store, token: TokenId, text: &str) -> Verified {
    match verify(store, token, text).await {
        Answer::Verified(verified) => verified,
        other => panic!("not verified: {other:?}"),
    }
}

pub(super) async fn renew(store: &Store, token: TokenId) -> Answer {
    store.verification().ask(&Question::Renew { token }).await.unwrap()
}

pub(super) async fn revoke(store: &Store, token: TokenId) {
    let answer = store.verification().ask(&Question::Revoke { token, by: None }).await.unwrap();
    assert!(matches!(answer, Answer::Revoked), "{answer:?}");
}

/// Issues a token and waits until `store` sees it.
pub(super) async fn issue(store: &Store, account: AccountId) -> (TokenId, Secret) {
    let question = Question::Issue {
        account,
        description: "a test".to_owned(),
        scopes: Scopes::default(),
        api_access: ApiAccess::Disabled,
        by: None,
    };
    match store.verification().ask(&question).await.unwrap() {
        Answer::Issued { token, secret } => {
            eventually("the token is seen", || async { store.directory().token(token).is_some() }).await;
            (token, secret)
        }
        other => panic!("not issued: {other:?}"),
    }
}

/// Waits until `condition` holds.
pub(super) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn start_nats(dir: &Path, port: &str) -> Child {
    let program = env::var_os("RELAY_NATS_SERVER").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
    Command::new(&program)
        .args(["-js", "-a", "127.0.0.1", "-p", port, "-sd"])
        .arg(dir.join("store"))
        .arg("--ports_file_dir")
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|err| panic!("{} does not start ({err}); name one in RELAY_NATS_SERVER", program.display()))
}

/// The address that NATS writes into a file once it listens.
async fn url_of(dir: &Path, pid: u32) -> String {
    let mut url = None;
    let start = Instant::now();
    while url.is_none() {
        assert!(start.elapsed() < PATIENCE, "nats-server does not listen");
        url = files_below(dir)
            .into_iter()
            .filter(|file| file.extension().is_some_and(|extension| extension == "ports"))
            .filter(|file| file.to_string_lossy().contains(&pid.to_string()))
            .find_map(|file| fs::read_to_string(file).ok())
            .and_then(|text| Some(format!("nats://{}", text.split("nats://").nth(1)?.split('"').next()?)));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    url.unwrap()
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_below(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}
