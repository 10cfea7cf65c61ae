//! One connection to a destination: opened, asked, and given back while it can serve again.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use model::fact::Outcome;
use model::reason::Reason;
use model::request::Header;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::answer;
use crate::body::Body;
use crate::client::{Finished, Keep};
use crate::guard::Guard;
use crate::head::Head;
use crate::head_swap::{HeadSwap, Swapper};
use crate::net::{self, ConnectError, Stream};
use crate::resolver::Resolver;
use crate::tls::Tls;

/// How long hyper may take to notice that a connection given back is ready; it is a matter of
/// scheduling, since the answer has been read to its end.
const READY_TIME_MAX: Duration = Duration::from_millis(500);
/// How old a connection may be and still serve again: its destination's name may lead elsewhere by then,
/// and one that is never idle would not be closed for that.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(5 * 60);

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
    opened: Instant,
    _driver: AbortOnDropHandle<()>,
}

/// The connection ended without an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// Not a byte of an answer was seen.
    pub unanswered: bool,
}

impl Connection {
    /// Opens a connection to one of the host's addresses, among those that `guard` lets through.
    ///
    /// # Errors
    /// How the attempt that needed it ended.
    pub(crate) async fn open(key: &Key, tls: &Tls, resolver: &Resolver, guard: &impl Guard) -> Result<Self, Finished> {
        let addresses = allowed_addresses(key, resolver, guard).await?;
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
                    return Err(Finished { reason: Some(Reason::Tls), ..Outcome::NotConnected.into() });
                }
            },
        };
        let (io, swapper) = HeadSwap::new(stream);
        let (sender, driver) = http1::handshake(TokioIo::new(io)).await.map_err(|_| Outcome::Broken)?;
        // How it ended shows in the request that was under way; between requests it does not matter.
        let driver = async move { drop(driver.await) };
        let driver = AbortOnDropHandle::new(tokio::spawn(driver));
        Ok(Self { sender, swapper, peer, opened: Instant::now(), _driver: driver })
    }

    /// The address that was connected to.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Waits until another request can be sent. `false`: never.
    pub(crate) async fn is_ready(&mut self) -> bool {
        if self.opened.elapsed() >= AGE_MAX {
            return false;
        }
        self.sender.is_ready() || matches!(tokio::time::timeout(READY_TIME_MAX, self.sender.ready()).await, Ok(Ok(())))
    }

    /// Sends a request and waits for the answer's head.
    ///
    /// # Errors
    /// When the connection ended first, or what came back is not HTTP.
    pub(crate) async fn send(&mut self, head: &Head, body: Body, keep: Keep) -> Result<http::Response<Incoming>, Lost> {
        self.swapper.arm(head.bytes().clone(), head.body_bytes(), keep != Keep::Status);
        let result = match stand_in(head, body) {
            Ok(request) => self.sender.send_request(request).await.map_err(Some),
            Err(_) => Err(None),
        };
        self.swapper.head_has_come();
        result.map_err(|err| {
            tracing::debug!(error = err.as_ref().map(|err| err as &dyn std::error::Error), "no answer on a connection");
            Lost { unanswered: self.swapper.answer_bytes() == 0 }
        })
    }

    /// The header lines of the answer, as they came; `None` when they were not to be kept.
    pub(crate) fn answer_headers(&self) -> Option<Vec<Header>> {
        self.swapper.take_answer_head().map(|head| answer::header_lines(&head))
    }

    /// Whether another request may follow, once the answer has been read to its end.
    pub(crate) fn can_serve_again(&self) -> bool {
        self.swapper.is_whole() && !self.sender.is_closed()
    }
}

/// The addresses of the host that may be connected to. These very addresses are used: nothing is
/// looked up again.
async fn allowed_addresses(key: &Key, resolver: &Resolver, guard: &impl Guard) -> Result<Vec<SocketAddr>, Finished> {
    guard.check_host(&key.host).map_err(Finished::not_allowed)?;
    let resolved = resolver.resolve(&key.host, key.port).await.map_err(|err| {
        tracing::debug!(error = %err, "the destination's name did not resolve");
        Finished { outcome: Outcome::NotConnected, reason: Some(Reason::NoAddress), answer: None }
    })?;
    let mut forbidden = None;
    let mut allowed = resolved;
    allowed.retain(|address| match guard.check_address(*address) {
        Ok(()) => true,
        Err(reason) => {
            forbidden.get_or_insert(reason);
            false
        }
    });
    match forbidden {
        Some(reason) if allowed.is_empty() => Err(Finished::not_allowed(reason)),
        Some(_) | None => Ok(allowed),
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
