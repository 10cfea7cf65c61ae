//! The accept loop: everything that reaches the server over HTTP comes through here, and has limits.
//!
//! The cast:
//!
//! - [`Limits`] names every limit.
//! - `slots` counts connections for each address.
//! - [`Slow`] counts callers who were too slow, [`Misbehaved`] those who broke HTTP/2.
//! - `timed` is a byte stream that fails when the caller is too slow.
//! - `sniff` tells HTTP/1 from HTTP/2 by the first bytes, with TLS and without.
//! - `connection` serves one connection with hyper, through the ingress's head tap.
//! - `frames` and `streams` limit what a caller can make of HTTP/2.
//! - [`App`] answers requests.
//!
//! Limits on bodies are not here: whoever reads a body knows how long it may be.

mod connection;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod limits;
mod misbehaved;
mod slots;
mod slow;
mod sniff;
mod streams;
mod timed;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use hyper::{Request, Response, body::Incoming};
use ingress::RawHead;
use telemetry::{Seldom, Stop};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use connection::Closed;
pub use limits::Limits;
pub use misbehaved::Misbehaved;
use slots::{Slot, Slots};
pub use slow::Slow;

/// Pause after the kernel refused to hand out a connection, most often for want of file
/// descriptors: they come back when connections end, not by asking at once again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other end of the TCP connection, which may be a proxy.
    pub address: SocketAddr,
    /// Whether the connection is TLS up to this process.
    pub is_tls: bool,
}

/// Counts a connection among the open ones while it or a clone lives. It lies in the extensions of
/// every HTTP/1 request: whoever takes the connection over for another protocol keeps it.
#[derive(Clone)]
struct Held(#[expect(dead_code, reason = "held, never looked at")] Arc<(OwnedSemaphorePermit, Slot)>);

/// What answers the requests.
pub trait App: Clone + Send + Sync + 'static {
    /// Answers one request. `head` is the exact head of an HTTP/1 request, and none for HTTP/2.
    fn call(
        &self,
        request: Request<Incoming>,
        head: Option<RawHead>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// Accepts connections and has them served.
pub struct Listener<A> {
    app: A,
    tls: Option<TlsAcceptor>,
    limits: Arc<Limits>,
    slow: Slow,
    misbehaved: Misbehaved,
}

impl<A: App> Listener<A> {
    /// A listener that serves `app`, over TLS where `tls` is given.
    pub fn new(app: A, tls: Option<TlsAcceptor>, limits: Limits) -> Self {
        Self { app, tls, limits: Arc::new(limits), slow: Slow::default(), misbehaved: Misbehaved::default() }
    }

    /// The same, which counts there the callers who were too slow, and those who broke HTTP/2.
    #[must_use]
    pub fn counting(self, slow: Slow, misbehaved: Misbehaved) -> Self {
        Self { slow, misbehaved, ..self }
    }

    /// Accepts connections until `stop`; then lets the requests that are under way finish within
    /// the grace, and drops the rest. Returns how many connections were dropped.
    ///
    /// An error of `accept` is met with a pause, never with the end of the loop.
    pub async fn run(self, socket: TcpListener, stop: Stop) -> usize {
        let places = Arc::new(Semaphore::new(self.limits.connections_max));
        let slots = Slots::new(&self.limits);
        let mut connections = JoinSet::new();
        let mut failures = Seldom::default();
        loop {
            tokio::select! {
                // No more connections.
                () = stop.given() => break,
                // A connection came, and there is a place for it.
                accepted = accept(&socket, &places) => match accepted {
                    Ok((stream, address, place)) => {
                        self.admit(stream, address, place, &slots, &mut connections, &stop);
                    }
                    Err(err) => pause_after(&err, &mut failures).await,
                },
                // A connection ended.
                Some(ended) = connections.join_next() => note_panic(&ended),
            }
        }
        drop(socket);
        drain(connections, self.limits.grace).await
    }

    fn admit(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        place: OwnedSemaphorePermit,
        slots: &Slots,
        connections: &mut JoinSet<()>,
        stop: &Stop,
    ) {
        let Some(slot) = slots.take(address.ip()) else {
            tracing::debug!("connection closed: its address has as many as it may");
            return;
        };
        let (app, tls, limits) = (self.app.clone(), self.tls.clone(), Arc::clone(&self.limits));
        let (stop, slow, misbehaved) = (stop.clone(), self.slow.clone(), self.misbehaved.clone());
        connections.spawn(async move {
            let held = Held(Arc::new((place, slot)));
            match connection::serve(stream, address, tls, app, &limits, held, stop).await {
                Some(Closed::Slow(phase)) => slow.note(phase),
                Some(Closed::Misbehaved(misdeed)) => misbehaved.note(misdeed),
                None => {}
            }
        });
    }
}

/// Waits for a place first, so that callers over the limit wait in the kernel's queue and a short
/// burst refuses no one.
async fn accept(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = socket.accept().await?;
    Ok((stream, address, place))
}

/// The caller may have left again before we took the connection: that says nothing about us.
async fn pause_after(err: &io::Error, failures: &mut Seldom) {
    let caller_left = matches!(
        err.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !caller_left {
        match failures.is_due() {
            true => tracing::error!(error = %err, "connections cannot be accepted, trying on"),
            false => tracing::debug!(error = %err, "connections cannot be accepted, trying on"),
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// One bad connection must not end the others, and must not go unnoticed.
fn note_panic(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(err) = ended
        && err.is_panic()
    {
        tracing::error!(error = %err, "a connection's task panicked");
    }
}

async fn drain(mut connections: JoinSet<()>, grace: Duration) -> usize {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            note_panic(&ended);
        }
    };
    if tokio::time::timeout(grace, all_ended).await.is_ok() {
        return 0;
    }
    let left = connections.len();
    tracing::warn!(connections = left, "the grace is over, dropping the connections that are left");
    connections.shutdown().await;
    left
}

#[cfg(test)]
mod tests;
