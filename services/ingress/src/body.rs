//! Reading a body: within limits, in memory while small, in pieces when large.

mod gathered;

use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use store::event::{CHUNK_BYTES, INLINE_BYTES_MAX};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::budget::{Exhausted, Share};
use crate::pace::Pace;
use gathered::Gathered;

/// How many pieces of one body may await their acknowledgement while the next is received.
const PIECES_IN_FLIGHT_MAX: usize = 2;
/// How often a slow body is looked at again while memory is not short.
const CROWDED_EVERY: Duration = Duration::from_millis(250);
/// The most of one body that is in memory: what is being received, and the pieces in flight.
pub(crate) const HELD_BYTES_MAX: usize = INLINE_BYTES_MAX + PIECES_IN_FLIGHT_MAX * CHUNK_BYTES;

/// A body that was read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// The bytes themselves.
    Inline(Bytes),
    /// A body that was stored in pieces.
    Pieces {
        /// Where each piece lies, in order.
        sequences: Vec<u64>,
        /// The size of them all.
        bytes: u64,
    },
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It is, or says that it is, over the limit.
    #[error("the body is too large")]
    TooLarge,
    /// It came too slowly; see [`crate::pace`].
    #[error("the body comes too slowly")]
    TooSlow,
    /// It ended early, or its framing is wrong.
    #[error("the body is cut short or malformed")]
    Broken,
    /// All bodies together take too much memory.
    #[error("no memory is left for bodies")]
    Exhausted,
    /// It came too slowly for the room that it took while others needed it; see [`crate::pace`].
    #[error("the body comes too slowly while memory for bodies is short")]
    Crowding,
    /// A piece could not be stored.
    #[error("a piece of the body was not stored")]
    Store(#[source] store::Error),
    /// A piece's task ended without a result.
    #[error("a piece of the body was not stored")]
    Interrupted(#[source] JoinError),
}

/// Reads a body of at most `bytes_max` bytes. `length` is the size that the caller announced.
/// Pieces of a large one are given to `append` with their index while the rest is received; it
/// returns where the piece was stored.
///
/// # Errors
/// See [`Failure`]; pieces that were stored by then are left to age out.
pub(crate) async fn read<B, A, F>(
    body: B,
    length: Option<u64>,
    bytes_max: usize,
    share: &mut Share,
    append: A,
) -> Result<Whole, Failure>
where
    B: Body<Data = Bytes>,
    A: Fn(u32, Bytes) -> F,
    F: Future<Output = Result<u64, store::Error>> + Send + 'static,
{
    let announced = usize::try_from(length.unwrap_or(0)).unwrap_or(usize::MAX);
    if announced > bytes_max {
        return Err(Failure::TooLarge);
    }
    let mut body = pin!(body);
    let mut pace = Pace::start(Instant::now());
    let mut gathered = Gathered::expecting(announced.min(INLINE_BYTES_MAX));
    let mut pieces = Pieces::new(append);
    let mut bytes = 0;
    while let Some(data) = next(body.as_mut(), &pace, share).await? {
        bytes += data.len();
        if bytes > bytes_max {
            return Err(Failure::TooLarge);
        }
        share.hold(bytes.min(HELD_BYTES_MAX)).map_err(|Exhausted| Failure::Exhausted)?;
        pace.received(data.len(), Instant::now());
        gathered.push(data);
        if bytes.max(announced) > INLINE_BYTES_MAX {
            while let Some(piece) = gathered.cut(CHUNK_BYTES) {
                let since = Instant::now();
                pieces.append(piece).await?;
                pace.paused(since.elapsed());
            }
        }
    }
    if bytes <= INLINE_BYTES_MAX {
        return Ok(Whole::Inline(gathered.take()));
    }
    let last = gathered.take();
    if !last.is_empty() {
        pieces.append(last).await?;
    }
    Ok(Whole::Pieces { sequences: pieces.finish().await?, bytes: bytes as u64 })
}

/// The next data of a body, or nothing at its end.
async fn next<B: Body<Data = Bytes>>(
    mut body: Pin<&mut B>,
    pace: &Pace,
    share: &Share,
) -> Result<Option<Bytes>, Failure> {
    loop {
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx));
        let frame = tokio::select! {
            // What is there goes before what is late.
            biased;
            // More of it came, or was waited for too long.
            frame = timeout_at(pace.deadline(), frame) => frame.map_err(|_| Failure::TooSlow)?,
            // Others need the room more.
            () = crowds(pace, share) => return Err(Failure::Crowding),
        };
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(Failure::Broken),
            // Trailers are not forwarded (RFC 9110, section 6.5.1), so they are not kept.
            Some(Ok(frame)) => match Frame::into_data(frame) {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_) => {}
            },
        }
    }
}

/// Ends once the body is too slow for the room that it takes from others.
async fn crowds(pace: &Pace, share: &Share) {
    sleep_until(pace.crowded_deadline()).await;
    while !share.is_crowding() {
        sleep(CROWDED_EVERY).await;
    }
}

/// Pieces on their way to the store.
struct Pieces<A> {
    append: A,
    tasks: JoinSet<(usize, Result<u64, store::Error>)>,
    sequences: Vec<u64>,
}

impl<A, F> Pieces<A>
where
    A: Fn(u32, Bytes) -> F,
    F: Future<Output = Result<u64, store::Error>> + Send + 'static,
{
    fn new(append: A) -> Self {
        Self { append, tasks: JoinSet::new(), sequences: Vec::new() }
    }

    /// Sends a piece off, once few enough are on their way.
    async fn append(&mut self, piece: Bytes) -> Result<(), Failure> {
        while self.tasks.len() >= PIECES_IN_FLIGHT_MAX {
            self.settle_one().await?;
        }
        let at = self.sequences.len();
        self.sequences.push(0);
        let stored = (self.append)(u32::try_from(at).unwrap_or(u32::MAX), piece);
        self.tasks.spawn(async move { (at, stored.await) });
        Ok(())
    }

    /// Waits until all are stored, and tells where.
    async fn finish(mut self) -> Result<Vec<u64>, Failure> {
        while !self.tasks.is_empty() {
            self.settle_one().await?;
        }
        Ok(self.sequences)
    }

    async fn settle_one(&mut self) -> Result<(), Failure> {
        if let Some(settled) = self.tasks.join_next().await {
            let (at, stored) = settled.map_err(Failure::Interrupted)?;
            self.sequences[at] = stored.map_err(Failure::Store)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
