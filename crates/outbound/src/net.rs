//! Connections: names resolved afresh, every address tried, the first that answers taken.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How long all addresses of a name together may take to connect.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long one address is tried before the next one is tried beside it (RFC 8305, section 5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Somebody is there and said no.
    #[error("connection refused")]
    Refused,
    /// Nobody answered in time.
    #[error("no address answered within {} s", CONNECT_TIME_MAX.as_secs())]
    TimedOut,
    /// No address, no route.
    #[error("cannot connect")]
    Unreachable(#[source] io::Error),
}

/// The addresses of `host` now, in the resolver's order. A literal address is its own.
///
/// # Errors
/// What the resolver says, or `NotFound` when the name has no address.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    not_empty(tokio::net::lookup_host((host, port)).await?.collect())
}

/// The addresses that were found, if there are any.
pub(crate) fn not_empty(found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    match found.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        false => Ok(found),
    }
}

/// Connects to the first address that accepts; a slow one is overtaken by those after it.
///
/// # Errors
/// What the addresses had in common; a refusal by one says more than silence of another.
pub async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
    match tokio::time::timeout(CONNECT_TIME_MAX, connect_any(addresses)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut),
    }
}

async fn connect_any(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
    let mut left = addresses.iter();
    let mut trying = FuturesUnordered::new();
    let mut worst = None;
    loop {
        match left.next() {
            Some(address) => trying.push(TcpStream::connect(*address)),
            None if trying.is_empty() => {
                let none = || ConnectError::Unreachable(io::Error::from(io::ErrorKind::AddrNotAvailable));
                return Err(worst.unwrap_or_else(none));
            }
            None => {}
        }
        let patience = async {
            match left.len() {
                0 => std::future::pending().await,
                _ => tokio::time::sleep(NEXT_ADDRESS_AFTER).await,
            }
        };
        tokio::select! {
            Some(result) = trying.next() => match result {
                Ok(stream) => {
                    // Without it small requests wait for the acknowledgement of the one before.
                    stream.set_nodelay(true).map_err(ConnectError::Unreachable)?;
                    return Ok(stream);
                }
                Err(err) => worst = Some(more_telling(worst, err)),
            },
            () = patience => {}
        }
    }
}

fn more_telling(before: Option<ConnectError>, err: io::Error) -> ConnectError {
    match (before, err.kind()) {
        (Some(ConnectError::Refused), _) | (_, io::ErrorKind::ConnectionRefused) => ConnectError::Refused,
        (Some(ConnectError::TimedOut), _) | (_, io::ErrorKind::TimedOut) => ConnectError::TimedOut,
        _ => ConnectError::Unreachable(err),
    }
}

/// A connection, with or without TLS.
#[derive(Debug)]
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Through TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
