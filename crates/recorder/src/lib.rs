//! What is outside, for tests: destinations and a name server that do as they are told.
//!
//! - [`Recorder`] keeps every byte that reaches it and answers.
//! - [`Canary`] counts who connects.
//! - [`spellings`] are URLs that lead inside, for nobody to call.
//! - [`NameServer`] answers for any name, and may answer something else the next time.
//!
//! For the tests of crates whose front door is a socket; the programs never have it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod canary;
mod name_server;
mod spellings;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub use canary::Canary;
pub use name_server::{NameServer, Records};
pub use spellings::spellings;

/// A running destination; it ends with the test's runtime.
#[derive(Debug)]
pub struct Recorder {
    /// Where it listens.
    pub address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Recorded>,
}

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// Request line, header lines and the empty line.
    pub head: String,
    /// The body that `Content-Length` announced.
    pub body: Vec<u8>,
}

/// What a destination does when a request has come.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Writes these bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Writes these bytes and closes.
    Last(Vec<u8>),
    /// Says nothing and stays.
    Silence,
}

/// 200 with an empty body.
pub fn ok() -> Answer {
    status(200)
}

/// An empty answer with this status.
pub fn status(status: u16) -> Answer {
    Answer::Bytes(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").into_bytes())
}

impl Recorder {
    /// Listens on a free port of this machine and answers each request with what `answer` says.
    pub async fn start(answer: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tx, requests) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (tx, answer) = (tx.clone(), answer.clone());
                tokio::spawn(async move { serve(connection, stream, &tx, &*answer).await });
            }
        });
        Self { address, requests }
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the next request that has come.
    pub async fn next(&mut self) -> Recorded {
        self.requests.recv().await.unwrap()
    }

    /// Whether no request waits to be seen.
    pub fn is_quiet(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

async fn serve(
    connection: usize,
    mut stream: TcpStream,
    requests: &mpsc::UnboundedSender<Recorded>,
    answer: &(dyn Fn(&Recorded) -> Answer + Send + Sync),
) {
    while let Some(recorded) = read_request(connection, &mut stream).await {
        let answer = answer(&recorded);
        let _ = requests.send(recorded);
        match answer {
            Answer::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
            Answer::Last(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                return;
            }
            Answer::Silence => {}
        }
    }
}

async fn read_request(connection: usize, stream: &mut TcpStream) -> Option<Recorded> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Recorded { connection, head, body })
}
