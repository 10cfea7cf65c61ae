//! Tells HTTP/1 from HTTP/2 by the first bytes of a connection.
//!
//! What the bytes say counts, also after TLS: a client that agreed on `h2` and then speaks HTTP/1
//! is served as what it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.0 or HTTP/1.1, or something that hyper will refuse as such.
    Http1,
    /// HTTP/2 with the preface.
    Http2,
}

/// A stream whose first bytes were read already and are given out again.
#[derive(Debug)]
pub(super) struct Prefixed<S> {
    prefix: [u8; PREFACE.len()],
    start: usize,
    end: usize,
    inner: S,
}

/// Reads until the protocol is certain. `None` where the caller left without a word.
///
/// # Errors
///
/// Those of the stream, time limits among them.
pub(super) async fn sniff<S: AsyncRead + Unpin>(mut inner: S) -> io::Result<Option<(Protocol, Prefixed<S>)>> {
    let mut prefix = [0; PREFACE.len()];
    let mut end = 0;
    let protocol = loop {
        let read = inner.read(&mut prefix[end..]).await?;
        end += read;
        match (end, read) {
            (0, _) => return Ok(None),
            // It ended in the middle; hyper says what is wrong with it.
            (_, 0) => break Protocol::Http1,
            _ if prefix[..end] != PREFACE[..end] => break Protocol::Http1,
            _ if end == PREFACE.len() => break Protocol::Http2,
            _ => {}
        }
    };
    Ok(Some((protocol, Prefixed { prefix, start: 0, end, inner })))
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.start == self.end {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let taken = (self.end - self.start).min(buf.remaining());
        buf.put_slice(&self.prefix[self.start..self.start + taken]);
        self.start += taken;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
