//! Cuts off callers who send HTTP/2 frames that ask for work and bring nothing.
//!
//! h2 limits what resets, empty data and endless header blocks cost, and answers any number of
//! pings and settings. `docs/decisions/http2-control-frames.md` says why it is counted here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::misbehaved::TOO_MANY_FRAMES;

/// The size of the head of a frame (RFC 9113, section 4.1).
const FRAME_HEAD_BYTES: usize = 9;
/// The kinds of frames that bring something: data, headers, and more of these (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// A caller may send this many other frames at once. Ordinary ones send a few for each request.
pub(super) const CONTROL_FRAMES_MAX: u32 = 1_000;
/// So many more in each second: 100 take about half a percent of a core.
const PER_SECOND: u32 = 100;
/// And one more for each HEADERS, since some clients say something about each request; and one more
/// for so many bytes that we write: whoever is sent much acknowledges much. The answer
/// to a ping has 17 bytes, and so does not pay for itself.
const BYTES_PER_FRAME: usize = 64;

/// The byte stream of an HTTP/2 connection from its preface on, read along.
#[derive(Debug)]
pub(super) struct Counted<S> {
    inner: S,
    at: At,
    allowance: Allowance,
}

/// Where in the stream the next byte lies.
#[derive(Debug)]
enum At {
    /// Behind so many bytes of the head of a frame.
    Head([u8; FRAME_HEAD_BYTES], usize),
    /// Before so many bytes that say nothing here.
    Rest(usize),
}

/// How many frames of this sort may still come.
#[derive(Debug)]
struct Allowance {
    frames: u32,
    /// Up to when the seconds have been counted.
    counted_at: Instant,
    /// Bytes written since the last frame that they bought.
    written: usize,
}

impl<S> Counted<S> {
    /// Wraps a stream that gives `preface_bytes` before its first frame.
    pub(super) fn new(inner: S, preface_bytes: usize) -> Self {
        Self { inner, at: At::Rest(preface_bytes), allowance: Allowance::new(Instant::now()) }
    }

    /// Follows the frames over bytes that were just read.
    pub(super) fn follow(&mut self, mut bytes: &[u8], now: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = match &mut self.at {
                At::Rest(left) => {
                    let taken = bytes.len().min(*left);
                    *left -= taken;
                    if *left == 0 {
                        self.at = At::Head([0; FRAME_HEAD_BYTES], 0);
                    }
                    taken
                }
                At::Head(head, have) => {
                    let taken = bytes.len().min(FRAME_HEAD_BYTES - *have);
                    head[*have..*have + taken].copy_from_slice(&bytes[..taken]);
                    *have += taken;
                    if *have == FRAME_HEAD_BYTES {
                        let [high, middle, low, kind, ..] = *head;
                        let left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                        self.at = if left == 0 { At::Head([0; FRAME_HEAD_BYTES], 0) } else { At::Rest(left) };
                        self.allowance.take(kind, now)?;
                    }
                    taken
                }
            };
            bytes = &bytes[taken..];
        }
        Ok(())
    }
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { frames: CONTROL_FRAMES_MAX, counted_at: now, written: 0 }
    }

    /// A frame of this kind has come.
    fn take(&mut self, kind: u8, now: Instant) -> io::Result<()> {
        match kind {
            DATA | CONTINUATION => return Ok(()),
            HEADERS => {
                self.add(1);
                return Ok(());
            }
            _ => {}
        }
        if self.frames == 0 {
            self.count_seconds(now);
        }
        match self.frames.checked_sub(1) {
            Some(left) => self.frames = left,
            None => return Err(io::Error::new(TOO_MANY_FRAMES, "too many HTTP/2 frames that bring nothing")),
        }
        Ok(())
    }

    /// Only asked for when nothing is left: what the time since has given then counts at once.
    fn count_seconds(&mut self, now: Instant) {
        let millis = now.duration_since(self.counted_at).as_millis();
        self.add(u32::try_from(millis * u128::from(PER_SECOND) / 1_000).unwrap_or(u32::MAX));
        self.counted_at = now;
    }

    fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        self.add(u32::try_from(self.written / BYTES_PER_FRAME).unwrap_or(u32::MAX));
        self.written %= BYTES_PER_FRAME;
    }

    fn add(&mut self, frames: u32) {
        self.frames = self.frames.saturating_add(frames).min(CONTROL_FRAMES_MAX);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        Poll::Ready(self.follow(&buf.filled()[before..], Instant::now()))
    }
}

impl<S: AsyncWrite + Unpin> Counted<S> {
    fn count_write(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.allowance.wrote(bytes);
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.count_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.count_write(written)
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
