//! The byte stream of an HTTP/1 connection, read along so that the exact heads are known.

mod chunked;
mod linger;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::head::{Framing, HEAD_BYTES_MAX, Parsed};
use crate::{Heads, RawHead, Refusal};
use chunked::{Chunked, Skipped};
use linger::Linger;

/// Wraps the stream of an HTTP/1 connection between the socket (or TLS) and hyper.
///
/// Everything passes through; only heads are copied. For each head one [`RawHead`] is put on
/// [`Heads`] before hyper can see its last byte, so hyper's service finds it there.
///
/// - After a head that is refused, nothing more is read: hyper never sees its body or what follows.
/// - In a chunked body that is broken, or has a line feed alone in its trailers, hyper sees an error:
///   it would read on behind such a trailer, and swallow the next request.
/// - After an upgrade to WebSocket, or a head that does not parse, everything passes and no more
///   heads come: whatever hyper makes of it has no head and is refused.
/// - A connection that starts as HTTP/2 passes as it is, without heads.
/// - When hyper shuts down a connection with a part of a message unread, what still comes is read
///   and dropped for a moment: closing at once would reset the connection, and the caller would
///   lose the answer.
///
/// `IO` is any stream that can be moved. The wrapped stream must reach hyper with the parser
/// configured as by default.
#[derive(Debug)]
pub struct HeadTap<IO> {
    io: IO,
    heads: Heads,
    at: At,
    /// The start of a head that came in more than one read.
    held: Vec<u8>,
    linger: Linger,
}

/// Where in the stream the next byte lies.
#[derive(Debug)]
enum At {
    Head,
    Body(u64),
    Chunked(Chunked),
    /// In another protocol than HTTP/1.
    Other,
    /// In a stream that is no longer followed.
    Lost,
    /// Behind what is no chunked body: hyper sees an error.
    Broken,
    /// Behind a refused head.
    Stopped,
}

impl<IO> HeadTap<IO> {
    /// Wraps a stream from which nothing was read yet. Returns it with the handle for the service.
    pub fn new(io: IO) -> (Self, Heads) {
        let heads = Heads::default();
        let tap = Self { io, heads: heads.clone(), at: At::Head, held: Vec::new(), linger: Linger::default() };
        (tap, heads)
    }

    /// Follows the framing over bytes that were just read. Returns how many of them may pass.
    pub(crate) fn follow(&mut self, read: &[u8]) -> usize {
        let mut rest = read;
        while !rest.is_empty() {
            let taken = match &mut self.at {
                At::Head => self.follow_head(rest),
                At::Body(left) => {
                    let taken = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    if *left == 0 {
                        self.at = At::Head;
                    }
                    taken
                }
                At::Chunked(chunked) => match chunked.skip(rest) {
                    Skipped::All => rest.len(),
                    Skipped::ToEnd(taken) => {
                        self.at = At::Head;
                        taken
                    }
                    Skipped::ToFault(taken) => {
                        self.at = At::Broken;
                        taken
                    }
                },
                At::Other | At::Lost => rest.len(),
                At::Broken | At::Stopped => break,
            };
            rest = &rest[taken..];
        }
        read.len() - rest.len()
    }

    /// Takes bytes of a head. Returns how many: all of them, or those up to its end.
    fn follow_head(&mut self, bytes: &[u8]) -> usize {
        if !self.held.is_empty() {
            return self.follow_held(bytes);
        }
        // Empty lines before a head are skipped (RFC 9112, section 2.2).
        let empty = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if empty > 0 {
            return empty;
        }
        match RawHead::parse(bytes) {
            Parsed::Partial if bytes.len() > HEAD_BYTES_MAX => self.lose(Refusal::HeadTooLarge, bytes.len()),
            Parsed::Partial => {
                self.held.extend_from_slice(bytes);
                bytes.len()
            }
            Parsed::Http2 => self.leave(bytes.len()),
            Parsed::Whole(len, head, framing) => {
                self.finish(head, framing);
                len
            }
        }
    }

    /// Takes bytes of a head of which a part is held. Only whole heads are parsed again, so that
    /// one that comes byte by byte costs no more than its size.
    fn follow_held(&mut self, bytes: &[u8]) -> usize {
        let end = head_end(&self.held, bytes);
        let taken = end.unwrap_or(bytes.len());
        if self.held.len() + taken > HEAD_BYTES_MAX {
            self.held = Vec::new();
            return self.lose(Refusal::HeadTooLarge, bytes.len());
        }
        self.held.extend_from_slice(&bytes[..taken]);
        if end.is_some() {
            let held = std::mem::take(&mut self.held);
            match RawHead::parse(&held) {
                Parsed::Whole(_, head, framing) => self.finish(head, framing),
                Parsed::Http2 => return self.leave(bytes.len()),
                Parsed::Partial => return self.lose(Refusal::Malformed, bytes.len()),
            }
        }
        taken
    }

    fn finish(&mut self, head: RawHead, framing: Framing) {
        let refusal = head.refusal;
        let fits = self.heads.push(head);
        self.at = match (refusal, framing) {
            // hyper reads these by the same parser and finds the same fault, but in its own time.
            (Some(Refusal::Malformed | Refusal::TooManyHeaders), _) => At::Lost,
            (Some(_), _) => At::Stopped,
            (None, _) if !fits => At::Stopped,
            (None, Framing::Length(0)) => At::Head,
            (None, Framing::Length(bytes)) => At::Body(bytes),
            (None, Framing::Chunked) => At::Chunked(Chunked::default()),
            (None, Framing::Upgrade) => At::Other,
        };
    }

    fn leave(&mut self, taken: usize) -> usize {
        self.at = At::Other;
        taken
    }

    fn lose(&mut self, refusal: Refusal, taken: usize) -> usize {
        self.heads.push(RawHead::refused(refusal));
        self.at = At::Lost;
        taken
    }

    /// Whether a part of a message is known to be unread.
    fn is_within_message(&self) -> bool {
        match self.at {
            At::Head => !self.held.is_empty(),
            At::Body(_) | At::Chunked(_) | At::Lost | At::Broken | At::Stopped => true,
            At::Other => false,
        }
    }
}

/// Where in `bytes` the head ends of which `held` is the start: behind the first empty line.
fn head_end(held: &[u8], bytes: &[u8]) -> Option<usize> {
    let tail = &held[held.len().saturating_sub(2)..];
    let before = |at: usize, back: usize| match at.checked_sub(back) {
        Some(i) => Some(bytes[i]),
        None => tail.len().checked_sub(back - at).map(|i| tail[i]),
    };
    let ends = |at: usize| match before(at, 1) {
        Some(b'\n') => true,
        Some(b'\r') => before(at, 2) == Some(b'\n'),
        _ => false,
    };
    (0..bytes.len()).find(|at| bytes[*at] == b'\n' && ends(*at)).map(|at| at + 1)
}

impl<IO: AsyncRead + Unpin> AsyncRead for HeadTap<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        if matches!(tap.at, At::Stopped) {
            // Not the end of the stream, which hyper takes for a caller that has gone: it would
            // drop the answer. The answer closes the connection.
            return Poll::Pending;
        }
        let start = buf.filled().len();
        if !matches!(tap.at, At::Broken) {
            std::task::ready!(Pin::new(&mut tap.io).poll_read(cx, buf))?;
            let passed = tap.follow(&buf.filled()[start..]);
            buf.set_filled(start + passed);
        }
        // What came before is seen first.
        match tap.at {
            At::Broken if buf.filled().len() == start => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HeadTap<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        let unread = tap.is_within_message();
        tap.linger.poll_shutdown(Pin::new(&mut tap.io), unread, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
