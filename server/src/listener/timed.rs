//! A byte stream that fails when the caller is too slow.
//!
//! hyper has one limit for the head of an HTTP/1 request, and counts it from the answer before. A
//! kept connection would then be closed in a caller's face after 10 s, or a slow head would have
//! the whole idle time. Here the two are apart, and the first byte has a limit too.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Limits;
use super::slow::{self, TooSlow};

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The first byte of all.
    First,
    /// The end of a head that has begun.
    Head,
    /// Ourselves, or a body, whose reader has limits of its own.
    Busy,
    /// The first byte of the next head.
    Idle,
}

impl Phase {
    fn limit(self, limits: &Limits) -> Option<Duration> {
        match self {
            Self::First => Some(limits.first_byte_max),
            Self::Head => Some(limits.head_max),
            Self::Busy => None,
            Self::Idle => Some(limits.idle_max),
        }
    }

    /// What the caller was too slow for when the limit is over.
    fn counted(self) -> slow::Phase {
        match self {
            Self::First => slow::Phase::first_byte,
            Self::Head | Self::Busy => slow::Phase::head,
            Self::Idle => slow::Phase::idle,
        }
    }
}

/// The phase of a connection, shared by its stream and whoever serves it.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<AtomicU8>);

impl Pulse {
    /// A head is complete, or the protocol has limits of its own (HTTP/2).
    pub(super) fn busy(&self) {
        self.set(Phase::Busy);
    }

    /// The answer is out.
    pub(super) fn idle(&self) {
        self.set(Phase::Idle);
    }

    fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    fn get(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            0 => Phase::First,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Idle,
        }
    }
}

/// A stream with the limits of [`Limits`] on reading heads and on writing.
#[derive(Debug)]
pub(super) struct Timed<S> {
    inner: S,
    limits: Arc<Limits>,
    pulse: Pulse,
    /// The phase that `read_until` was set for.
    timed_phase: Option<Phase>,
    read_until: Pin<Box<Sleep>>,
    /// Present while nothing can be written.
    write_until: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    /// Wraps a stream from which nothing has been read.
    pub(super) fn new(inner: S, limits: Arc<Limits>) -> (Self, Pulse) {
        let pulse = Pulse(Arc::new(AtomicU8::new(Phase::First as u8)));
        let read_until = Box::pin(tokio::time::sleep(limits.first_byte_max));
        let timed = Self {
            inner,
            limits,
            pulse: pulse.clone(),
            timed_phase: Some(Phase::First),
            read_until,
            write_until: None,
        };
        (timed, pulse)
    }

    /// Fails when the time for the present phase is over; else sees to it that the task is woken
    /// when it is.
    fn poll_read_limit(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let phase = self.pulse.get();
        let Some(limit) = phase.limit(&self.limits) else {
            self.timed_phase = None;
            return Ok(());
        };
        if self.timed_phase != Some(phase) {
            self.timed_phase = Some(phase);
            self.read_until.as_mut().reset(Instant::now() + limit);
        }
        match self.read_until.as_mut().poll(cx) {
            Poll::Ready(()) => Err(TooSlow::error(phase.counted())),
            Poll::Pending => Ok(()),
        }
    }

    /// Keeps the time during which nothing can be written.
    fn time_write<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_until = None;
            return written;
        }
        let limit = self.limits.write_stall_max;
        let until = self.write_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        until.as_mut().poll(cx).map(|()| Err(TooSlow::error(slow::Phase::write)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                let came = buf.filled().len() > before;
                if came && matches!(self.pulse.get(), Phase::First | Phase::Idle) {
                    self.pulse.set(Phase::Head);
                }
                // A caller that sends a byte now and then must not escape the limit of the head.
                self.poll_read_limit(cx)?;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(err)) => Poll::Ready(Err(err)),
            Poll::Pending => {
                self.poll_read_limit(cx)?;
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.time_write(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.time_write(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes after the last byte of an answer, and may not read again before something
        // comes: it is here that the time of an idle connection begins.
        self.poll_read_limit(cx)?;
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.time_write(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.time_write(shut, cx)
    }
}
