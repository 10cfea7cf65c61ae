//! The body of a request to a destination: whole, or in pieces as they arrive.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// A body of a size known from the start.
#[derive(Debug)]
pub struct Body {
    ready: Bytes,
    later: Option<mpsc::UnboundedReceiver<Piece>>,
    bytes_left: u64,
}

/// A piece of a body.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes, and the room that they take up in memory until they are sent.
    Data(Bytes, OwnedSemaphorePermit),
    /// The rest will never come.
    Broken,
}

/// The end that takes the later pieces. Room is accounted for by the permits in the pieces,
/// so it never waits.
#[derive(Debug)]
pub struct BodySink(mpsc::UnboundedSender<Piece>);

/// The body ended before its announced size.
#[derive(Debug, thiserror::Error)]
#[error("the body ended before its announced size")]
pub struct CutShort;

impl Body {
    /// A body that is all there.
    pub fn whole(bytes: Bytes) -> Self {
        let bytes_left = bytes.len() as u64;
        Self { ready: bytes, later: None, bytes_left }
    }

    /// A body of `body_bytes` bytes that begins with `first`; the rest comes through the sink.
    pub fn in_pieces(first: Bytes, body_bytes: u64) -> (Self, BodySink) {
        let (tx, rx) = mpsc::unbounded_channel();
        (Self { ready: first, later: Some(rx), bytes_left: body_bytes }, BodySink(tx))
    }

    /// The same body again, when all of it is there.
    pub fn again(&self) -> Option<Self> {
        self.later.is_none().then(|| Self::whole(self.ready.clone()))
    }
}

impl BodySink {
    /// Hands on a piece. `false`: nobody wants it any more.
    pub fn push(&self, piece: Piece) -> bool {
        self.0.send(piece).is_ok()
    }

    /// Whether nobody wants any more pieces.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if self.bytes_left == 0 {
            return Poll::Ready(None);
        }
        let mut data = std::mem::take(&mut self.ready);
        if data.is_empty() {
            data = match self.later.as_mut() {
                None => return Poll::Ready(Some(Err(CutShort))),
                Some(later) => match ready!(later.poll_recv(cx)) {
                    Some(Piece::Data(data, _room)) => data,
                    Some(Piece::Broken) | None => return Poll::Ready(Some(Err(CutShort))),
                },
            };
        }
        let Some(left) = self.bytes_left.checked_sub(data.len() as u64) else {
            return Poll::Ready(Some(Err(CutShort)));
        };
        self.bytes_left = left;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes_left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left)
    }
}
