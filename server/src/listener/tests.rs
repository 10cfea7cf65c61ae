//! The accept loop with real sockets: what is served, what is refused, and every limit at its limit.

mod limits;
mod protocols;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::*;

/// Long enough for a limit never to be met in a test.
const NEVER: Duration = Duration::from_secs(600);

/// Within this time a connection that was closed is counted.
const COUNTED_WITHIN: Duration = Duration::from_secs(10);

/// Limits that no test meets unless it lowers one.
fn limits() -> Limits {
    Limits {
        handshake_max: NEVER,
        first_byte_max: NEVER,
        head_max: NEVER,
        idle_max: NEVER,
        write_stall_max: NEVER,
        grace: NEVER,
        ..Limits::default()
    }
}

/// Answers by path, and tells the test what it sees.
#[derive(Clone)]
struct TestApp {
    /// `/held` is answered once this is true.
    released: watch::Receiver<bool>,
    /// Paths as they are asked for, and `end of /endless` when that body is dropped.
    seen: mpsc::UnboundedSender<String>,
}

impl App for TestApp {
    async fn call(&self, request: Request<Incoming>, head: Option<RawHead>, peer: Peer) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let _ = self.seen.send(path.clone());
        match path.as_str() {
            "/held" => {
                let _ = self.released.clone().wait_for(|released| *released).await;
                Response::new(Body::from("held"))
            }
            "/endless" => Response::new(Body::new(Endless(self.seen.clone()))),
            "/panic" => panic!("as the test wants it"),
            _ => {
                let head = head.map(|head| String::from_utf8_lossy(&head.target).into_owned());
                Response::new(Body::from(format!("{head:?} {:?} tls={}", request.version(), peer.is_tls)))
            }
        }
    }
}

/// A body that never ends.
struct Endless(mpsc::UnboundedSender<String>);

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.send("end of /endless".to_owned());
    }
}

impl axum::body::HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 64 * 1024])))))
    }
}

/// A listener that runs.
struct Running {
    address: SocketAddr,
    stop: Stop,
    release: watch::Sender<bool>,
    seen: mpsc::UnboundedReceiver<String>,
    ended: JoinHandle<usize>,
    misbehaved: Misbehaved,
}

impl Running {
    async fn start(limits: Limits) -> Self {
        Self::start_with(limits, None).await
    }

    async fn start_with(limits: Limits, tls: Option<TlsAcceptor>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (release, released) = watch::channel(false);
        let (seen_tx, seen) = mpsc::unbounded_channel();
        let stop = Stop::new();
        let misbehaved = Misbehaved::default();
        let listener = Listener::new(TestApp { released, seen: seen_tx }, tls, limits);
        let listener = listener.counting(Slow::default(), misbehaved.clone());
        let ended = tokio::spawn(listener.run(socket, stop.clone()));
        Self { address, stop, release, seen, ended, misbehaved }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until one connection has been closed for this.
    async fn counts(&self, misdeed: misbehaved::Misdeed) {
        let counted = async {
            while self.misbehaved.count(misdeed) == 0 {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(COUNTED_WITHIN, counted).await.is_ok(), "{misdeed:?} is not counted");
    }

    /// Waits until the app sees this.
    async fn sees(&mut self, what: &str) {
        while self.seen.recv().await.unwrap() != what {}
    }
}

/// Sends a request on a kept connection and reads the answer, whose body ends in `end`.
async fn ask(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert_ne!(read, 0, "the connection ended after {:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}

/// Everything until the other side closes or resets.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
