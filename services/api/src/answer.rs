//! Answers that show bodies, and the memory that all of them together may take.
//!
//! An answer is whole in memory until its reader has taken it, and escaped text takes six times what
//! the body takes: readers who are slow hold one each.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::{Frame, SizeHint};
use serde::Serialize;
use telemetry::Room;
use telemetry::room::Taken;
use tokio::time::timeout;

use crate::error::Error;

/// What they may take, in bytes: the largest of all while it is made, and some others beside it.
pub(crate) const ROOM_BYTES: usize = 192 * 1024 * 1024;
/// How many bytes of bodies an answer shows for which no room is asked: most show fewer, and do not
/// wait for the large ones.
const SMALL_BODIES_BYTES_MAX: u64 = 64 * 1024;
/// What an answer may take for each byte of a body while it is made: the byte itself, six as `\u0001`
/// has, and those in Base64 twice.
const BYTES_PER_BODY_BYTE: u64 = 10;
/// How long an answer waits for room: those that are read go in less.
const ROOM_WAIT: Duration = Duration::from_secs(2);
/// How much of an answer is given away at a time; room for it is held until the last of it is written.
const PIECE_BYTES: usize = 64 * 1024;

/// Where answers have their room.
pub(crate) struct Answers(Room);

/// Room for an answer.
#[derive(Default)]
pub(crate) struct Answer(Taken);

impl Answers {
    /// All of it.
    pub(crate) fn new() -> Self {
        Self(Room::new(ROOM_BYTES))
    }

    /// Room for an answer that shows bodies of so many bytes, before any of them is opened.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when others hold it and do not read.
    pub(crate) async fn room(&self, bodies_bytes: u64) -> Result<Answer, Error> {
        if bodies_bytes <= SMALL_BODIES_BYTES_MAX {
            return Ok(Answer::default());
        }
        let taken = timeout(ROOM_WAIT, self.0.take(bodies_bytes.saturating_mul(BYTES_PER_BODY_BYTE))).await;
        Ok(Answer(taken.map_err(|_| Error::Unavailable(None))?))
    }
}

impl Answer {
    /// The answer. It keeps the room that it takes until it is written.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) fn json(mut self, value: impl Serialize) -> Result<Response, Error> {
        let json = serde_json::to_vec(&value).map_err(|error| Error::Internal(error.into()))?;
        drop(value);
        self.0.keep(json.len());
        let left = Bytes::from_owner(Whole { json, _taken: self.0 });
        let mut response = Response::new(Body::new(Pieces(left)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

/// What pieces are pieces of. It goes with the last of them, wherever that waits to be written.
struct Whole {
    json: Vec<u8>,
    _taken: Taken,
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

/// A body in pieces, so that a connection takes no more of it than it can write.
struct Pieces(Bytes);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let bytes = PIECE_BYTES.min(self.0.len());
        let piece = self.0.split_to(bytes);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
