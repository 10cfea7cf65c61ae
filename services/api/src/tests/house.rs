//! A real NATS with copies of the API on it, and somebody who answers for `auth`, for tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::Secret;
use crypto::key::{MasterKey, MasterKeys};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use model::record::{ApiAccess, Scopes, Token};
use model::{AccountId, TokenId, UnixMs};
use serde_json::Value;
use store::directory::Key;
use store::verification::{Answer, Question, Verified};
use store::{Options, Store};
use telemetry::Stop;
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Api, Config, router};

/// How long anything is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A NATS of its own with an `auth` on it. Everything ends when it is dropped.
pub(crate) struct House {
    nats: Child,
    url: String,
    masters: MasterKeys,
    stop: Stop,
    auth: Arc<StandIn>,
    pub(crate) store: Store,
    _dir: TempDir,
}

/// A copy of the API with a store of its own, as another process has it, and who asks it.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    pub(crate) store: Store,
    authorization: Option<String>,
}

/// What a request was answered.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Seen {
    /// The JSON of an answer with this status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// Checks a refusal.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text.trim_end()), (status, text));
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nats = start_nats(dir.path());
        let url = url_of(dir.path()).await;
        let (masters, stop) = (MasterKeys::new(MasterKey::generate().unwrap(), Vec::new()), Stop::new());
        let store = open(&url, &masters, &stop, true).await;
        let auth = Arc::new(StandIn::new(store.clone()));
        let (answering, serving, given) = (Arc::clone(&auth), store.clone(), stop.clone());
        tokio::spawn(async move {
            let answer = move |question| {
                let auth = Arc::clone(&answering);
                async move { auth.answer(question).await }
            };
            serving.verification().serve(answer, &given).await.unwrap();
        });
        let house = Self { nats, url, masters, stop, auth, store, _dir: dir };
        house.wait_for_auth().await;
        house
    }

    async fn wait_for_auth(&self) {
        let start = Instant::now();
        let unknown = Question::Renew { token: TokenId(Uuid::nil()) };
        while self.store.verification().ask(&unknown).await.is_err() {
            assert!(start.elapsed() < PATIENCE, "auth does not answer");
        }
    }

    /// A client of its own copy of the API that presents nothing.
    pub(crate) async fn stranger(&self) -> Client {
        self.stranger_with(None).await
    }

    /// The same with its logs in this file.
    pub(crate) async fn stranger_with(&self, logs_file: Option<PathBuf>) -> Client {
        let store = open(&self.url, &self.masters, &self.stop, false).await;
        let config = Config { public_url: "https://relay.example/".to_owned(), logs_file };
        let api = Api::new(store.clone(), config, self.stop.clone()).unwrap();
        let router = router(api.clone());
        tokio::spawn(async move { api.run().await });
        Client { router, store, authorization: None }
    }

    /// A store that hears of no change any more, as in a process whose directory is late.
    pub(crate) async fn deaf(&self) -> Store {
        let hearing = Stop::new();
        let store = open(&self.url, &self.masters, &hearing, false).await;
        hearing.give();
        store
    }

    /// A client with a token of this account.
    pub(crate) async fn client(&self, account: u128) -> Client {
        let (key, secret) = self.auth.issue(account, Scopes::default(), ApiAccess::Enabled).await;
        self.stranger().await.with(&key.to_string(), &secret)
    }

    /// The same copy with a further token of that account.
    pub(crate) async fn further(&self, client: &Client, account: u128, scopes: Scopes, access: ApiAccess) -> Client {
        let (key, secret) = self.auth.issue(account, scopes, access).await;
        client.with(&key.to_string(), &secret)
    }

    /// How often `auth` was asked to verify.
    pub(crate) fn verifications(&self) -> usize {
        self.auth.verifications.load(Ordering::SeqCst)
    }

    /// Has `auth` say that it is busy.
    pub(crate) fn make_auth_busy(&self) {
        self.auth.busy.store(1, Ordering::SeqCst);
    }

    /// Kills NATS.
    pub(crate) fn end_nats(&mut self) {
        self.nats.kill().unwrap();
        self.nats.wait().unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.give();
        // It may have been ended before.
        let _ = self.nats.kill();
        let _ = self.nats.wait();
    }
}

impl Client {
    /// The same copy, asked with this key and secret.
    pub(crate) fn with(&self, key: &str, secret: &str) -> Self {
        self.presenting(Some(format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")))))
    }

    /// The same copy, asked with this header or none.
    pub(crate) fn presenting(&self, authorization: Option<String>) -> Self {
        Self { authorization, ..self.clone() }
    }

    /// A request with what this client presents.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }

    /// Its copy of the API.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Seen {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = self.request(method, path);
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert!(parts.headers.contains_key("request-id"), "{method} {path} has no Request-Id");
        Seen { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(crate) async fn get(&self, path: &str) -> Seen {
        self.ask("GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Seen {
        self.ask("POST", path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Seen {
        self.ask("PUT", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Seen {
        self.ask("DELETE", path, Value::Null).await
    }
}

/// Answers for `auth`, with secrets instead of hashes.
struct StandIn {
    store: Store,
    secrets: Mutex<HashMap<TokenId, String>>,
    verifications: AtomicUsize,
    busy: AtomicUsize,
}

impl StandIn {
    fn new(store: Store) -> Self {
        Self { store, secrets: Mutex::default(), verifications: AtomicUsize::new(0), busy: AtomicUsize::new(0) }
    }

    async fn issue(&self, account: u128, scopes: Scopes, api_access: ApiAccess) -> (TokenId, String) {
        let account = AccountId(Uuid::from_u128(account));
        let question = Question::Issue { account, description: String::new(), scopes, api_access, by: None };
        match self.answer(question).await {
            Answer::Issued { token, secret } => (token, secret.expose().to_owned()),
            other => panic!("not issued: {other:?}"),
        }
    }

    async fn answer(&self, question: Question) -> Answer {
        if self.busy.load(Ordering::SeqCst) > 0 {
            return Answer::Busy;
        }
        match question {
            Question::Verify { token, secret } => {
                self.verifications.fetch_add(1, Ordering::SeqCst);
                let is_right = self.secrets.lock().unwrap().get(&token).is_some_and(|s| s == secret.expose());
                match self.store.directory().token(token).filter(|token| is_right && token.record.active) {
                    Some(token) => Answer::Verified(Verified {
                        account: token.record.account,
                        token: token.record.id,
                        generation: token.record.generation,
                        session_token: Secret::from(String::new()),
                        expires_at: UnixMs(0),
                    }),
                    None => Answer::Refused,
                }
            }
            Question::Renew { .. } => Answer::Refused,
            Question::Issue { account, description, scopes, api_access, by } => {
                let (id, secret) = (TokenId(Uuid::new_v4()), Uuid::new_v4().simple().to_string());
                let now = crate::write::now();
                let token = Token {
                    id,
                    account,
                    description,
                    scopes,
                    api_access,
                    active: true,
                    generation: now.0,
                    created_at: now,
                    updated_at: now,
                };
                self.secrets.lock().unwrap().insert(id, secret.clone());
                self.store.directory().by(by).create(&token).await.unwrap();
                Answer::Issued { token: id, secret: Secret::from(secret) }
            }
            Question::Revoke { token, by } => {
                self.store.directory().by(by).delete(&Key::Token(token)).await.unwrap();
                Answer::Revoked
            }
        }
    }
}

/// Waits until `condition` holds.
pub(crate) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn open(url: &str, masters: &MasterKeys, stop: &Stop, provision: bool) -> Store {
    let client_name = format!("test-{}", Uuid::new_v4().simple());
    let options = Options { provision, shards: 1, client_name, ..Options::new(url) };
    let (store, driver) = Store::open(options, masters.clone(), stop, |_| {}).await.unwrap();
    let stop = stop.clone();
    tokio::spawn(async move { Box::pin(driver.run(&stop)).await });
    store.directory().loaded().await;
    store
}

fn start_nats(dir: &Path) -> Child {
    let program = env::var_os("RELAY_NATS_SERVER").map_or_else(|| PathBuf::from("nats-server"), PathBuf::from);
    Command::new(&program)
        .args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"])
        .arg(dir.join("store"))
        .arg("--ports_file_dir")
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|err| panic!("{} does not start ({err}); name one in RELAY_NATS_SERVER", program.display()))
}

/// The address that NATS writes into a file once it listens.
async fn url_of(dir: &Path) -> String {
    let mut url = None;
    eventually("nats-server listens", async || {
        let files = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
        let mut ports = files.filter(|file| file.extension().is_some_and(|extension| extension == "ports"));
        let text = ports.next().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        url = text.split('"').find(|part| part.starts_with("nats://")).map(str::to_owned);
        url.is_some()
    })
    .await;
    url.unwrap()
}
