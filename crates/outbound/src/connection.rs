//! One connection to a destination: opened, asked, and given back while it can serve again.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use model::fact::Outcome;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::body::Body;
use crate::head::Head;
use crate::head_swap::{HeadSwap, Swapper};
use crate::net::{self, ConnectError, Stream};
use crate::tls::Tls;

/// How much of an answer's body is read, in bytes, so that the connection can serve again.
pub(crate) const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// How long an answer's body is waited for once its status is known: the attempt is over,
/// and only the connection could still be saved.
const ANSWER_TAIL_TIME_MAX: Duration = Duration::from_secs(5);
/// How long hyper may take to notice that a connection given back is ready; it is a matter of
/// scheduling, since the answer has been read to its end.
const READY_TIME_MAX: Duration = Duration::from_millis(500);

/// Where a connection leads. Connections of different keys never stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host as the destination writes it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the certificate was verified.
    pub verify: bool,
}

/// An open connection. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Body>,
    swapper: Swapper,
    peer: SocketAddr,
    _driver: AbortOnDropHandle<()>,
}

/// The connection ended without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// Not a byte of an answer was seen.
    pub unanswered: bool,
}

impl Connection {
    /// Opens a connection to one of the host's addresses, among those that `may_connect`.
    ///
    /// # Errors
    /// The outcome of the attempt that needed it.
    pub(crate) async fn open(key: &Key, tls: &Tls, may_connect: &impl Fn(IpAddr) -> bool) -> Result<Self, Outcome> {
        let mut addresses = net::resolve(&key.host, key.port).await.map_err(|err| {
            tracing::debug!(error = %err, "the destination's name did not resolve");
            Outcome::NotConnected
        })?;
        addresses.retain(|address| may_connect(address.ip()));
        if addresses.is_empty() {
            return Err(Outcome::NotAllowed);
        }
        let stream = net::connect(&addresses).await.map_err(|err| match err {
            ConnectError::Refused => Outcome::Refused,
            ConnectError::TimedOut => Outcome::TimedOut,
            ConnectError::Unreachable(_) => Outcome::NotConnected,
        })?;
        let peer = stream.peer_addr().map_err(|_| Outcome::Broken)?;
        let stream = match key.tls {
            false => Stream::Plain(stream),
            true => match tls.connect(&key.host, key.verify, stream).await {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(err) => {
                    tracing::debug!(error = &err as &dyn std::error::Error, "TLS with the destination failed");
                    return Err(Outcome::NotConnected);
                }
            },
        };
        let (io, swapper) = HeadSwap::new(stream);
        let (sender, driver) = http1::handshake(TokioIo::new(io)).await.map_err(|_| Outcome::Broken)?;
        // How it ended shows in the request that was under way; between requests it does not matter.
        let driver = async move { drop(driver.await) };
        Ok(Self { sender, swapper, peer, _driver: AbortOnDropHandle::new(tokio::spawn(driver)) })
    }

    /// The address that was connected to.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer.ip()
    }

    /// Waits until another request can be sent. `false`: never.
    pub(crate) async fn is_ready(&mut self) -> bool {
        self.sender.is_ready() || matches!(tokio::time::timeout(READY_TIME_MAX, self.sender.ready()).await, Ok(Ok(())))
    }

    /// Sends a request and waits for the answer's head.
    ///
    /// # Errors
    /// When the connection ended first, or what came back is not HTTP.
    pub(crate) async fn send(&mut self, head: &Head, body: Body) -> Result<http::Response<Incoming>, Lost> {
        self.swapper.arm(head.bytes().clone(), head.body_bytes());
        let result = match stand_in(head, body) {
            Ok(request) => self.sender.send_request(request).await.map_err(Some),
            Err(_) => Err(None),
        };
        result.map_err(|err| {
            tracing::debug!(error = err.as_ref().map(|err| err as &dyn std::error::Error), "no answer on a connection");
            Lost { unanswered: self.swapper.answer_bytes() == 0 }
        })
    }

    /// Reads the answer's body and throws it away; gives the connection back if it can serve again.
    pub(crate) async fn finish(self, mut answer: Incoming, deadline: Instant) -> Option<Self> {
        let deadline = deadline.min(Instant::now() + ANSWER_TAIL_TIME_MAX);
        let read = timeout_at(deadline, async {
            let mut bytes = 0;
            while let Some(frame) = http_body_util::BodyExt::frame(&mut answer).await {
                bytes += frame.ok()?.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > ANSWER_BYTES_MAX {
                    return None;
                }
            }
            Some(())
        });
        let is_read = matches!(read.await, Ok(Some(())));
        (is_read && self.swapper.is_whole() && !self.sender.is_closed()).then_some(self)
    }
}

/// What hyper is given: the method, by which it reads the answer, and the body's size.
/// The head that it makes of this never reaches the socket.
fn stand_in(head: &Head, body: Body) -> http::Result<http::Request<Body>> {
    http::Request::builder()
        .method(head.method())
        .uri("/")
        .header(http::header::CONTENT_LENGTH, head.body_bytes())
        .body(body)
}
