//! The streams of an HTTP/2 connection: each is given up when its caller takes nothing of the
//! answer, and the connection is over when it has had none for a while.
//!
//! A caller who grants no window holds an answer for as long as it answers our pings, and hyper
//! does not ask for a body that it cannot send: only who runs the stream sees that nothing moves.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::rt::Executor;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

tokio::task_local! {
    /// The stream whose future is being polled.
    static TAKING: Taking;
}

/// Runs the streams of one connection. Clones run them together.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    stall_max: Duration,
    open: Arc<watch::Sender<usize>>,
}

/// Since when a part of the answer waits to be taken; none while it is us who have nothing.
#[derive(Clone, Debug, Default)]
struct Taking(Arc<Mutex<Option<Instant>>>);

/// A stream from its request to the end of its answer.
struct Stream<F> {
    running: F,
    taking: Taking,
    stall_max: Duration,
    until: Pin<Box<Sleep>>,
    open: Arc<watch::Sender<usize>>,
}

/// The body of an answer, that notes how it is taken.
pub(super) struct Taken {
    body: Body,
    taking: Taking,
}

impl Streams {
    /// No streams yet. One whose answer does not move for `stall_max` is reset.
    pub(super) fn new(stall_max: Duration) -> Self {
        Self { stall_max, open: Arc::new(watch::Sender::new(0)) }
    }

    /// Waits until there has been no stream for this long.
    pub(super) async fn idle_for(&self, span: Duration) {
        let mut open = self.open.subscribe();
        loop {
            // The sender is ours: it does not go away.
            let _ = open.wait_for(|open| *open == 0).await;
            tokio::select! {
                // One was opened.
                _ = open.changed() => {}
                () = sleep(span) => return,
            }
        }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, running: F) {
        let taking = Taking::default();
        self.open.send_modify(|open| *open += 1);
        tokio::spawn(Stream {
            running: Box::pin(TAKING.scope(taking.clone(), running)),
            taking,
            stall_max: self.stall_max,
            until: Box::pin(sleep(self.stall_max)),
            open: Arc::clone(&self.open),
        });
    }
}

impl<F: Future<Output = ()> + Unpin> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Pin::new(&mut self.running).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(since) = self.taking.since() else { return Poll::Pending };
        let deadline = since + self.stall_max;
        if self.until.deadline() != deadline {
            self.until.as_mut().reset(deadline);
        }
        ready!(self.until.as_mut().poll(cx));
        tracing::debug!("a stream was reset: its caller takes nothing of the answer");
        // What is dropped unfinished is reset.
        Poll::Ready(())
    }
}

impl<F> Drop for Stream<F> {
    fn drop(&mut self) {
        self.open.send_modify(|open| *open -= 1);
    }
}

impl Taking {
    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Taken {
    /// The body of an answer, made in the task of its stream.
    pub(super) fn new(body: Body) -> Self {
        let taking = TAKING.try_with(Taking::clone).unwrap_or_default();
        taking.set(Some(Instant::now()));
        Self { body, taking }
    }
}

impl HttpBody for Taken {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.taking.set(polled.is_ready().then(Instant::now));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
