//! One connection, from TLS handshake to end.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::FutureExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use ingress::{HEAD_BYTES_MAX, HEADER_LINES_MAX, HeadTap, RawHead};
use telemetry::Stop;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::frames::Counted;
use super::misbehaved::Misdeed;
use super::slow::{Phase, TooSlow};
use super::sniff::{PREFACE, Prefixed, Protocol, sniff};
use super::streams::{Streams, Taken};
use super::timed::{Pulse, Timed};
use super::{App, Held, Limits, Peer};
use crate::acme;

/// Why we have closed a connection, where that is to be counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Closed {
    /// Its caller was too slow for this.
    Slow(Phase),
    /// Its caller has broken HTTP/2 so.
    Misbehaved(Misdeed),
}

/// Serves a connection until it ends. After `stop` it ends with the requests that are under way.
///
/// Returns what the caller has done, if that has ended it. Errors are the caller's (cut off,
/// too slow, no HTTP) and are noted at debug level only: anyone on the internet can cause them.
pub(super) async fn serve<A: App>(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    app: A,
    limits: &Arc<Limits>,
    held: Held,
    stop: Stop,
) -> Option<Closed> {
    // Answers are small and complete: waiting to fill a packet only delays them.
    if let Err(err) = stream.set_nodelay(true) {
        tracing::debug!(error = %err, "connection ended before it began");
        return None;
    }
    let peer = Peer { address, is_tls: tls.is_some() };
    let Some(tls) = tls else {
        return serve_stream(stream, peer, app, limits, held, stop).await;
    };
    match tokio::time::timeout(limits.handshake_max, tls.accept(stream)).await {
        // The handshake was all that it wanted (RFC 8737, section 3).
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(acme::ALPN) => None,
        Ok(Ok(stream)) => Box::pin(serve_stream(stream, peer, app, limits, held, stop)).await,
        Ok(Err(err)) => {
            tracing::debug!(error = %err, "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("TLS handshake took too long");
            Some(Closed::Slow(Phase::handshake))
        }
    }
}

impl Closed {
    /// What an error comes from, if it is the caller's doing.
    fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        TooSlow::find(error).map(Self::Slow).or_else(|| Misdeed::find(error).map(Self::Misbehaved))
    }
}

async fn serve_stream<A: App, S>(
    stream: S,
    peer: Peer,
    app: A,
    limits: &Arc<Limits>,
    held: Held,
    stop: Stop,
) -> Option<Closed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, pulse) = Timed::new(stream, Arc::clone(limits));
    let sniffed = tokio::select! {
        // Nothing has been asked for, so nothing is owed.
        () = stop.given() => return None,
        sniffed = sniff(stream) => sniffed,
    };
    let ended = match sniffed {
        Ok(None) => Ok(()),
        // In a box: a connection that speaks HTTP/2, as all idle sessions do, would carry room for it.
        Ok(Some((Protocol::Http1, stream))) => Box::pin(serve_http1(stream, pulse, peer, app, held, stop)).await,
        Ok(Some((Protocol::Http2, stream))) => serve_http2(stream, &pulse, peer, app, limits, stop).await,
        Err(err) => {
            tracing::debug!(error = %err, "connection ended before its first request");
            return Closed::find(&err);
        }
    };
    let err = ended.err()?;
    tracing::debug!(error = %err, "connection ended badly");
    Closed::find(&err)
}

async fn serve_http1<A: App, S>(
    stream: Prefixed<Timed<S>>,
    pulse: Pulse,
    peer: Peer,
    app: A,
    held: Held,
    stop: Stop,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (tap, heads) = HeadTap::new(stream);
    let service = service_fn(move |mut request: Request<Incoming>| {
        pulse.busy();
        request.extensions_mut().insert(held.clone());
        // Once for each request, before anything else looks at it.
        let head = heads.admit(request.version());
        let (app, pulse) = (app.clone(), pulse.clone());
        async move {
            let upgrades = matches!(&head, Ok(Some(head)) if head.upgrades);
            let mut response = match head {
                Ok(head) => answer(&app, request, head, peer).await,
                Err(refusal) => refusal.response().map(Body::new),
            };
            let is_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            // The tap has left HTTP/1 with this head, and would have the next request refused: behind a
            // proxy, that of another caller.
            if upgrades && !is_switched {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // A connection that speaks another protocol from now on is never idle.
            let pulse = (!is_switched).then_some(pulse);
            Ok::<_, Infallible>(response.map(|body| Answer { body, pulse }))
        }
    });
    let connection = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADER_LINES_MAX)
        // A caller may end its side after the request and still wait for the answer.
        .half_close(true)
        // `Timed` limits heads; see there.
        .header_read_timeout(None::<Duration>)
        .serve_connection(TokioIo::new(tap), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // The connection ended by itself.
        ended = connection.as_mut() => return ended,
        // The request under way is answered with `connection: close`.
        () = stop.given() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

async fn serve_http2<A: App, S>(
    stream: Prefixed<Timed<S>>,
    pulse: &Pulse,
    peer: Peer,
    app: A,
    limits: &Limits,
    stop: Stop,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // From here on pings tell the living from the dead.
    pulse.busy();
    let service = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        // In a box, which goes once there is an answer: the streams of sessions last.
        async move { Ok::<_, Infallible>(Box::pin(answer_http2(&app, request, peer)).await.map(Taken::new)) }
    });
    let streams = Streams::new(limits.write_stall_max);
    let connection = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(limits.header_list_bytes_max)
        .keep_alive_interval(limits.ping_every)
        .keep_alive_timeout(limits.pong_max)
        .serve_connection(TokioIo::new(Counted::new(stream, PREFACE.len())), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // The connection ended by itself.
        ended = connection.as_mut() => return ended,
        // Nothing has been asked for in a while: a caller who only answers pings holds no place.
        () = streams.idle_for(limits.idle_max) => {
            connection.as_mut().graceful_shutdown();
            return tokio::time::timeout(limits.pong_max, connection).await.unwrap_or(Ok(()));
        }
        // New streams are refused with GOAWAY, those under way go on.
        () = stop.given() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// The answer to a request over HTTP/2. One to a `HEAD` says how long its body would be and has none
/// (RFC 9110, section 9.3.2); hyper sees to that over HTTP/1 alone.
async fn answer_http2<A: App>(app: &A, request: Request<Incoming>, peer: Peer) -> Response<Body> {
    let is_head = request.method() == Method::HEAD;
    let mut response = answer(app, request, None, peer).await;
    if is_head {
        let body = std::mem::take(response.body_mut());
        if let Some(bytes) = body.size_hint().exact().filter(|_| !response.headers().contains_key(CONTENT_LENGTH)) {
            response.headers_mut().insert(CONTENT_LENGTH, bytes.into());
        }
    }
    response
}

/// The answer to a request. A fault of ours ends no more than this request.
async fn answer<A: App>(app: &A, request: Request<Incoming>, head: Option<RawHead>, peer: Peer) -> Response<Body> {
    match AssertUnwindSafe(app.call(request, head, peer)).catch_unwind().await {
        Ok(response) => response,
        // The hook of `panics` has said where it was, and counted it.
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

/// The body of an HTTP/1 answer. hyper drops it when all of it is out, and then the connection is
/// idle.
struct Answer {
    body: Body,
    /// None where the connection goes on in another protocol.
    pulse: Option<Pulse>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(pulse) = &self.pulse {
            pulse.idle();
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
