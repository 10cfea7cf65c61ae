//! Answers that show bodies, and the memory that all of them together may take.
//!
//! An answer is whole in memory until its reader has taken it, and escaped text takes six times what
//! the body takes: readers who are slow hold one each. Those of one account get no more than a part,
//! and nobody may be slower than a limit.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::{Frame, SizeHint};
use model::AccountId;
use serde::Serialize;
use telemetry::Room;
use telemetry::room::Taken;
use tokio::time::{Instant, timeout};

use crate::error::Error;

/// What they may take, in bytes. One that takes more, as that of a large webhook may, waits until it is
/// alone, and counts as all of it.
const ROOM_BYTES: usize = 192 * 1024 * 1024;
/// What those of one account may take of it, in bytes, so that slow readers do not keep out others. One
/// that takes more waits until it is the only one of its account.
pub(crate) const ROOM_PER_ACCOUNT_BYTES: usize = ROOM_BYTES / 4;
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
/// How long a reader may take for an answer, and as much longer for each piece that it took: who is
/// slower for long would hold room that others wait for.
const READ_WAIT: Duration = Duration::from_secs(30);
/// See [`READ_WAIT`].
const READ_WAIT_PER_PIECE: Duration = Duration::from_secs(1);

/// Where answers have their room.
pub(crate) struct Answers {
    room: Room,
    /// The parts of those accounts that hold some of it or wait for it.
    accounts: Mutex<HashMap<AccountId, Room>>,
}

/// Room for an answer.
#[derive(Default)]
pub(crate) struct Answer {
    of_account: Taken,
    of_all: Taken,
}

impl Answers {
    /// All of it.
    pub(crate) fn new() -> Self {
        Self { room: Room::new(ROOM_BYTES), accounts: Mutex::default() }
    }

    /// Room for an answer to this account that shows bodies of so many bytes, before any of them is
    /// opened.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when others hold it and do not read.
    pub(crate) async fn room(&self, account: AccountId, bodies_bytes: u64) -> Result<Answer, Error> {
        if bodies_bytes <= SMALL_BODIES_BYTES_MAX {
            return Ok(Answer::default());
        }
        let bytes = bodies_bytes.saturating_mul(BYTES_PER_BODY_BYTE);
        let part = self.part(account);
        // In this order, so that who waits for others of its account is in nobody's way.
        let taken = async { Answer { of_account: part.take(bytes).await, of_all: self.room.take(bytes).await } };
        timeout(ROOM_WAIT, taken).await.map_err(|_| Error::Unavailable(None))
    }

    fn part(&self, account: AccountId) -> Room {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.retain(|_, part| part.is_in_use());
        accounts.entry(account).or_insert_with(|| Room::new(ROOM_PER_ACCOUNT_BYTES)).clone()
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
        self.of_account.keep(json.len());
        self.of_all.keep(json.len());
        let left = Bytes::from_owner(Whole { json, _room: self });
        let mut response = Response::new(Body::new(Pieces { left, until: Instant::now() + READ_WAIT }));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

/// What pieces are pieces of. It goes with the last of them, wherever that waits to be written.
struct Whole {
    json: Vec<u8>,
    _room: Answer,
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

/// A body in pieces, so that a connection takes no more of it than it can write.
struct Pieces {
    left: Bytes,
    /// When the next has to be taken, at the latest.
    until: Instant,
}

impl Pieces {
    /// The next piece; an error when its reader is too slow.
    fn next(&mut self, now: Instant) -> Option<io::Result<Bytes>> {
        let piece = self.left.split_to(PIECE_BYTES.min(self.left.len()));
        if piece.is_empty() {
            return None;
        }
        if now > self.until {
            self.left = Bytes::new();
            return Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader of the answer is too slow")));
        }
        self.until += READ_WAIT_PER_PIECE;
        Some(Ok(piece))
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.next(Instant::now()).map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    const LARGE: u64 = 4 * 1024 * 1024;

    #[tokio::test]
    async fn an_account_gets_a_part_and_all_together_no_more_than_there_is() {
        let answers = Answers::new();
        let take = |account| answers.room(AccountId(Uuid::from_u128(account)), LARGE).now_or_never()?.ok();
        let mut held = Vec::new();
        for account in 1..=4 {
            held.push(take(account).unwrap());
            assert!(take(account).is_none(), "that would be more than its part");
        }
        let left = ROOM_BYTES as u64 - 4 * LARGE * BYTES_PER_BODY_BYTE;
        assert!(answers.room.take(left + 1).now_or_never().is_none(), "all that is taken counts");
        drop(held);
        assert!(answers.room(AccountId(Uuid::nil()), u64::MAX).now_or_never().is_some(), "by itself");
        assert!(take(1).is_some());
        assert_eq!(answers.accounts.lock().unwrap().len(), 1, "those that hold nothing are forgotten");
    }

    #[test]
    fn a_reader_who_is_slow_for_long_gets_no_more() {
        let began = Instant::now();
        let pieces = || Pieces { left: vec![0; 3 * PIECE_BYTES].into(), until: began + READ_WAIT };
        let mut in_time = pieces();
        for count in 0..3 {
            let piece = in_time.next(began + READ_WAIT + READ_WAIT_PER_PIECE * count).unwrap();
            assert_eq!(piece.unwrap().len(), PIECE_BYTES);
        }
        assert!(in_time.next(began + READ_WAIT * 2).is_none(), "it has all of it");
        let mut late = pieces();
        assert!(late.next(began).unwrap().is_ok());
        assert!(late.next(began + READ_WAIT + READ_WAIT_PER_PIECE * 2).unwrap().is_err());
        assert!(late.next(began).is_none(), "nothing is held any more");
    }
}
