//! Puts an exact head in the place of the one that hyper writes.
//!
//! hyper writes header names in lower case and groups lines of one name; a destination must get
//! the caller's lines. So each head that hyper writes is swallowed, up to its empty line, and
//! the armed head is written instead. The body that follows passes through. Both heads frame
//! the same number of body bytes, so after these the next head begins.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of a body goes out in one write with its head.
const BODY_WITH_HEAD_BYTES_MAX: usize = 16 * 1024;
/// How much of an answer's head is kept, in bytes. Lines beyond it are left out.
pub(crate) const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;
/// How much may come before the head of the final answer ends, in bytes: hyper passes over informational
/// answers without end. What it reads at once of a body behind that head is less.
pub(crate) const ANSWER_HEADS_BYTES_MAX: usize = 1024 * 1024;
/// What ends a head (RFC 9112, section 2.1).
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

/// A socket whose written heads are swapped.
#[derive(Debug)]
pub(crate) struct HeadSwap<S> {
    inner: S,
    progress: Arc<Mutex<Progress>>,
    phase: Phase,
    /// Taken from hyper, not yet by the socket.
    out: BytesMut,
}

/// The other end of a [`HeadSwap`]: arms it and asks how far it is.
#[derive(Clone, Debug)]
pub(crate) struct Swapper(Arc<Mutex<Progress>>);

#[derive(Debug, Default)]
struct Progress {
    armed: Option<(Bytes, u64)>,
    body_bytes_left: u64,
    answer_bytes: u64,
    /// How many may still come before the head of the answer ends; none once it has.
    head_bytes_left: Option<usize>,
    /// The beginning of what came back, while it is kept.
    answer_head: Option<Vec<u8>>,
    is_deaf: bool,
}

#[derive(Debug)]
enum Phase {
    /// hyper's head is being swallowed; so many bytes of its end were seen.
    Head { matched: usize },
    /// So many bytes of the body are still to pass.
    Body { left: u64 },
    /// The other side takes no more; what hyper writes is thrown away.
    Deaf,
}

impl<S> HeadSwap<S> {
    /// Wraps a socket on which nothing was written yet.
    pub(crate) fn new(inner: S) -> (Self, Swapper) {
        let progress = Arc::new(Mutex::new(Progress::default()));
        let swapper = Swapper(progress.clone());
        (Self { inner, progress, phase: Phase::Head { matched: 0 }, out: BytesMut::new() }, swapper)
    }
}

impl Swapper {
    /// The head to write for the next request, and the size of the body after it;
    /// `keep`: the head of the answer is wanted.
    pub(crate) fn arm(&self, head: Bytes, body_bytes: u64, keep: bool) {
        let mut progress = lock(&self.0);
        progress.answer_head = keep.then(Vec::new);
        progress.armed = Some((head, body_bytes));
        progress.body_bytes_left = body_bytes;
        progress.answer_bytes = 0;
        progress.head_bytes_left = Some(ANSWER_HEADS_BYTES_MAX);
    }

    /// The head of the answer has come.
    pub(crate) fn head_has_come(&self) {
        lock(&self.0).head_bytes_left = None;
    }

    /// How many bytes came back since the head was armed.
    pub(crate) fn answer_bytes(&self) -> u64 {
        lock(&self.0).answer_bytes
    }

    /// What came back so far, up to [`ANSWER_HEAD_BYTES_MAX`]; no more is kept from here on.
    pub(crate) fn take_answer_head(&self) -> Option<Vec<u8>> {
        lock(&self.0).answer_head.take()
    }

    /// Whether the request was written to its end, so that another may follow.
    pub(crate) fn is_whole(&self) -> bool {
        let progress = lock(&self.0);
        progress.armed.is_none() && progress.body_bytes_left == 0 && !progress.is_deaf
    }
}

impl<S: AsyncWrite + Unpin> HeadSwap<S> {
    /// Takes in the beginning of what hyper writes while a head is due; says how much.
    fn swallow(&mut self, buf: &[u8], matched: usize) -> io::Result<usize> {
        let (head_bytes, matched) = find_head_end(buf, matched);
        if matched < HEAD_END.len() {
            self.phase = Phase::Head { matched };
            return Ok(head_bytes);
        }
        let mut progress = lock(&self.progress);
        let Some((head, body_bytes)) = progress.armed.take() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a request was written without its head"));
        };
        let body = &buf[head_bytes..];
        let taken = body.len().min(BODY_WITH_HEAD_BYTES_MAX).min(usize::try_from(body_bytes).unwrap_or(usize::MAX));
        self.out.extend_from_slice(&head);
        self.out.extend_from_slice(&body[..taken]);
        let left = body_bytes - taken as u64;
        progress.body_bytes_left = left;
        self.phase = after_body_bytes(left);
        Ok(head_bytes + taken)
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => self.out.advance(written),
                Err(err) if is_gone(&err) => self.go_deaf(),
                Err(err) => return Poll::Ready(Err(err)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// A destination may answer (401, 413) and close without reading the whole body. Writes then
    /// fail, but the answer lies ready to be read, so failure is left to the reading side.
    fn go_deaf(&mut self) {
        self.out.clear();
        self.phase = Phase::Deaf;
        lock(&self.progress).is_deaf = true;
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadSwap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        match this.phase {
            Phase::Deaf => Poll::Ready(Ok(buf.len())),
            Phase::Head { matched } => Poll::Ready(this.swallow(buf, matched)),
            Phase::Body { left } => {
                let most = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                match ready!(Pin::new(&mut this.inner).poll_write(cx, &buf[..most])) {
                    Ok(written) => {
                        let left = left - written as u64;
                        this.phase = after_body_bytes(left);
                        lock(&this.progress).body_bytes_left = left;
                        Poll::Ready(Ok(written))
                    }
                    Err(err) if is_gone(&err) => {
                        this.go_deaf();
                        Poll::Ready(Ok(buf.len()))
                    }
                    Err(err) => Poll::Ready(Err(err)),
                }
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        match this.phase {
            Phase::Deaf => Poll::Ready(Ok(())),
            Phase::Head { .. } | Phase::Body { .. } => Pin::new(&mut this.inner).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadSwap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        let mut progress = lock(&this.progress);
        progress.answer_bytes += new.len() as u64;
        if let Some(left) = &mut progress.head_bytes_left {
            let too_much = || io::Error::new(io::ErrorKind::InvalidData, "informational answers without end");
            *left = left.checked_sub(new.len()).ok_or_else(too_much)?;
        }
        if let Some(kept) = &mut progress.answer_head {
            kept.extend_from_slice(&new[..new.len().min(ANSWER_HEAD_BYTES_MAX - kept.len())]);
        }
        Poll::Ready(Ok(()))
    }
}

/// How many bytes of `buf` belong to the head, and how much of its end was seen by then.
fn find_head_end(buf: &[u8], mut matched: usize) -> (usize, usize) {
    for (at, byte) in buf.iter().enumerate() {
        matched = match *byte {
            byte if byte == HEAD_END[matched] => matched + 1,
            b'\r' => 1,
            _ => 0,
        };
        if matched == HEAD_END.len() {
            return (at + 1, matched);
        }
    }
    (buf.len(), matched)
}

fn after_body_bytes(left: u64) -> Phase {
    match left {
        0 => Phase::Head { matched: 0 },
        left => Phase::Body { left },
    }
}

fn is_gone(err: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(err.kind(), Kind::BrokenPipe | Kind::ConnectionReset | Kind::ConnectionAborted)
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    // Nothing panics while it is held; if it did, the numbers would still be whole.
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
