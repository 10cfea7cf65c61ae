//! Whether the agent has a session, for those who watch over it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use telemetry::Stop;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// How many connections are served at once: watchers are few.
const CONNECTIONS_MAX: usize = 32;
/// How long one connection may last.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);

/// Counts open sessions. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<AtomicUsize>);

/// One open session, until it is dropped.
#[derive(Debug)]
pub struct OpenSession(Arc<AtomicUsize>);

impl Health {
    /// Counts a session.
    pub fn session(&self) -> OpenSession {
        self.0.fetch_add(1, Ordering::SeqCst);
        OpenSession(self.0.clone())
    }

    /// Whether there is an open session.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A listener for `GET /healthz`.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    health: Health,
}

impl Endpoint {
    /// Listens on `address`.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr, health: Health) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, health })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers 200 while a session is open and 503 otherwise, until `stop` is given.
    pub async fn run(&self, stop: &Stop) {
        let tasks = TaskTracker::new();
        while let Some(accepted) = stop.or(self.listener.accept()).await {
            let Ok((stream, _)) = accepted else {
                // Out of files or the like; it passes.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            if tasks.len() >= CONNECTIONS_MAX {
                continue;
            }
            let health = self.health.clone();
            let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&health, &request))));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            tasks.spawn(async move { drop(tokio::time::timeout(CONNECTION_TIME_MAX, connection).await) });
        }
        tasks.close();
        tasks.wait().await;
    }
}

fn answer(health: &Health, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_asked = request.uri().path() == "/healthz" && [Method::GET, Method::HEAD].contains(request.method());
    let (status, text) = match (is_asked, health.is_open()) {
        (false, _) => (StatusCode::NOT_FOUND, "not found\n"),
        (true, true) => (StatusCode::OK, "ok\n"),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "no session\n"),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn it_follows_the_session() {
        let health = Health::default();
        let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap(), health.clone()).await.unwrap();
        let address = endpoint.address().unwrap();
        let stop = Stop::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { endpoint.run(&stop).await }
        });
        let check = async |path: &str, expected: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{answer}");
        };
        check("/healthz", "503").await;
        let session = health.session();
        check("/healthz", "200").await;
        check("/", "404").await;
        drop(session);
        check("/healthz", "503").await;
        stop.give();
        running.await.unwrap();
    }
}
