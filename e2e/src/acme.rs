//! A certificate authority that speaks ACME (RFC 8555), as strict as those on the internet: it takes
//! nothing that is not signed, no nonce twice, and calls every address of a name before it issues.

mod call;
mod issuer;
mod jws;
mod state;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use issuer::{Issuer, TlsListener};
use jws::Signed;
use state::Orders;

/// Where each answer has the nonce for the next request (RFC 8555, section 6.5.1).
const NONCE: HeaderName = HeaderName::from_static("replay-nonce");
/// How long certificates live unless a test says otherwise.
const LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The authority. It ends when this is dropped.
pub struct Authority {
    shared: Arc<Shared>,
    running: JoinHandle<()>,
}

struct Shared {
    url: String,
    ca_file: PathBuf,
    issuer: Issuer,
    orders: Mutex<Orders>,
    /// The addresses of each name.
    names: Mutex<HashMap<String, Vec<SocketAddr>>>,
    /// How long before now, and how long after, the next certificates are valid.
    life: Mutex<(Duration, Duration)>,
}

/// Why a request is refused: status, the last part of the problem's type, and words.
type Problem = (u16, &'static str, String);

impl Authority {
    /// Starts one with its files in `dir`.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let ca_file = dir.join("authority.pem");
        let issuer = Issuer::new(&ca_file)?;
        let listener = TlsListener::bind(&issuer).await?;
        let shared = Arc::new(Shared {
            url: format!("https://{}", listener.address()),
            ca_file,
            issuer,
            orders: Mutex::default(),
            names: Mutex::default(),
            life: Mutex::new((Duration::ZERO, LIFE)),
        });
        let router = Router::new()
            .route("/directory", get(directory))
            .route("/new-nonce", get(nonce))
            .fallback(post(signed))
            .with_state(shared.clone());
        let running = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { shared, running })
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("{}/directory", self.shared.url)
    }

    /// The certificate that it is trusted by, itself and in what it issues.
    pub fn ca_file(&self) -> &Path {
        &self.shared.ca_file
    }

    /// From now on a name has these addresses.
    pub fn name(&self, name: &str, addresses: &[SocketAddr]) {
        lock(&self.shared.names).insert(name.to_owned(), addresses.to_vec());
    }

    /// From now on certificates are valid since so long ago, and for so long.
    pub fn issue_for(&self, before: Duration, after: Duration) {
        *lock(&self.shared.life) = (before, after);
    }

    /// The names that were ordered for, in that order.
    pub fn ordered(&self) -> Vec<String> {
        lock(&self.shared.orders).names()
    }

    /// How many accounts there are.
    pub fn accounts(&self) -> usize {
        lock(&self.shared.orders).accounts()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn directory(State(shared): State<Arc<Shared>>) -> Response {
    let at = |path: &str| format!("{}{path}", shared.url);
    let directory = json!({
        "newNonce": at("/new-nonce"), "newAccount": at("/new-account"), "newOrder": at("/new-order"),
    });
    axum::Json(directory).into_response()
}

async fn nonce(State(shared): State<Arc<Shared>>) -> Response {
    shared.with_nonce(StatusCode::OK.into_response())
}

/// Everything but the two above is signed.
async fn signed(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let answered = shared.answer(&uri, &headers, &body);
    let answer = answered.unwrap_or_else(|(status, kind, detail)| {
        let problem = json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail, "status": status});
        answer(status, &problem, None)
    });
    shared.with_nonce(answer)
}

impl Shared {
    fn answer(self: &Arc<Self>, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
        let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if content_type != Some(b"application/jose+json") {
            return Err((415, "malformed", "the content is no JWS".to_owned()));
        }
        let mut orders = lock(&self.orders);
        let signed = Signed::read(body, &format!("{}{}", self.url, uri.path()), &mut orders)?;
        let mut parts = uri.path().trim_start_matches('/').split('/');
        let (what, number) = (parts.next().unwrap_or_default(), parts.next().and_then(|number| number.parse().ok()));
        match (what, number) {
            ("new-account", None) => {
                let (number, is_new) = orders.account(&signed.key);
                let status = if is_new { 201 } else { 200 };
                Ok(answer(status, &json!({"status": "valid"}), Some(self.at("account", number))))
            }
            ("new-order", None) => {
                let number = orders.order(&signed)?;
                Ok(answer(201, &orders.show_order(number, &self.url)?, Some(self.at("order", number))))
            }
            ("order", Some(number)) => Ok(answer(200, &orders.show_order(number, &self.url)?, None)),
            ("authorization", Some(number)) => Ok(answer(200, &orders.show_authorization(number, &self.url)?, None)),
            ("challenge", Some(number)) => {
                let (name, digest) = orders.begin(number)?;
                // As on the internet: the answer comes first, the calls later.
                let shared = Arc::clone(self);
                tokio::spawn(async move {
                    let addresses = lock(&shared.names).get(&name).cloned().unwrap_or_default();
                    let proven = call::prove(&name, digest, &addresses).await;
                    lock(&shared.orders).end(number, proven.map_err(|err| format!("{err:#}")));
                });
                Ok(answer(200, &orders.show_challenge(number, &self.url)?, None))
            }
            ("finalize", Some(number)) => {
                let name = orders.ready(number)?.to_owned();
                let csr = signed.bytes("csr")?;
                let issued = self.issuer.issue(&csr, &name, *lock(&self.life));
                let chain = issued.map_err(|err| (400, "badCSR", format!("{err:#}")))?;
                orders.issued(number, chain);
                Ok(answer(200, &orders.show_order(number, &self.url)?, None))
            }
            ("certificate", Some(number)) => {
                let chain = orders.chain(number)?.to_owned();
                Ok(([(CONTENT_TYPE, "application/pem-certificate-chain")], chain).into_response())
            }
            _ => Err((404, "malformed", format!("there is nothing at {}", uri.path()))),
        }
    }

    fn at(&self, what: &str, number: usize) -> String {
        format!("{}/{what}/{number}", self.url)
    }

    fn with_nonce(&self, mut response: Response) -> Response {
        let nonce = lock(&self.orders).nonce();
        if let Ok(nonce) = HeaderValue::from_str(&nonce) {
            response.headers_mut().insert(NONCE, nonce);
        }
        response
    }
}

fn answer(status: u16, body: &Value, location: Option<String>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(body)).into_response();
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
