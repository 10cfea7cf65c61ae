//! Bodies at their limits.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Sleep, sleep};

use super::*;
use crate::budget::{Budget, SMALL_BYTES};

const MIB: usize = 1024 * 1024;

/// A body whose parts come after given times.
struct Timed {
    parts: VecDeque<(Duration, Bytes)>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    fn new(parts: impl IntoIterator<Item = (u64, Bytes)>) -> Self {
        let parts = parts.into_iter().map(|(millis, data)| (Duration::from_millis(millis), data));
        Self { parts: parts.collect(), wait: None }
    }

    /// Parts of this size that come at once.
    fn parts(count: usize, bytes: usize) -> Self {
        Self::new((0..count).map(|i| (0, Bytes::from(vec![i as u8; bytes]))))
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((after, _)) = self.parts.front() else { return Poll::Ready(None) };
        let after = *after;
        let wait = self.wait.get_or_insert_with(|| Box::pin(sleep(after)));
        if !after.is_zero() {
            std::task::ready!(wait.as_mut().poll(cx));
        }
        self.wait = None;
        Poll::Ready(self.parts.pop_front().map(|(_, data)| Ok(Frame::data(data))))
    }
}

/// A store of pieces: the piece of index `n` gets sequence `100 + n` once `gate` lets it through.
#[derive(Clone)]
struct Stored {
    pieces: Arc<Mutex<Vec<(u32, Bytes)>>>,
    gate: Arc<Semaphore>,
}

impl Stored {
    fn open() -> Self {
        Self { pieces: Arc::default(), gate: Arc::new(Semaphore::new(1000)) }
    }

    fn append(&self, index: u32, piece: Bytes) -> impl Future<Output = Result<u64, store::Error>> + Send + 'static {
        let this = self.clone();
        this.pieces.lock().unwrap().push((index, piece));
        async move {
            this.gate.acquire().await.unwrap().forget();
            Ok(100 + u64::from(index))
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.pieces.lock().unwrap().iter().flat_map(|(_, piece)| piece.to_vec()).collect()
    }
}

async fn read_to(stored: &Stored, body: Timed, length: Option<u64>, bytes_max: usize) -> Result<Whole, Failure> {
    let mut share = Budget::new(64 * MIB).share();
    read(body, length, bytes_max, &mut share, |index, piece| stored.append(index, piece)).await
}

async fn read_all(body: Timed, length: Option<u64>) -> Result<Whole, Failure> {
    read_to(&Stored::open(), body, length, 10 * MIB).await
}

#[tokio::test]
async fn a_small_body_is_kept_in_memory_and_not_copied_when_it_comes_at_once() {
    assert_eq!(read_all(Timed::new([]), None).await.unwrap(), Whole::Inline(Bytes::new()));

    let data = Bytes::from_static(b"body");
    let Ok(Whole::Inline(read)) = read_all(Timed::new([(0, data.clone())]), Some(4)).await else { panic!() };
    assert_eq!(read.as_ptr(), data.as_ptr());

    let many = [(0, Bytes::from_static(b"a")), (10, Bytes::new()), (10, Bytes::from_static(b"b"))];
    assert_eq!(read_all(Timed::new(many), None).await.unwrap(), Whole::Inline(Bytes::from_static(b"ab")));

    let largest = read_all(Timed::parts(4, INLINE_BYTES_MAX / 4), Some(INLINE_BYTES_MAX as u64)).await.unwrap();
    assert!(matches!(largest, Whole::Inline(bytes) if bytes.len() == INLINE_BYTES_MAX));
}

#[tokio::test]
async fn a_large_body_is_stored_in_pieces_whether_announced_or_not() {
    for announced in [true, false] {
        for (count, bytes) in [(1, INLINE_BYTES_MAX + 1), (11, 100_000), (2, CHUNK_BYTES), (160, 65_536), (3, 3 * MIB)]
        {
            let stored = Stored::open();
            let size = count * bytes;
            let length = announced.then_some(size as u64);
            let whole = read_to(&stored, Timed::parts(count, bytes), length, 10 * MIB).await.unwrap();
            let pieces = size.div_ceil(CHUNK_BYTES);
            let sequences = (100..100 + pieces as u64).collect();
            assert_eq!(whole, Whole::Pieces { sequences, bytes: size as u64 });
            let lens: Vec<usize> = stored.pieces.lock().unwrap().iter().map(|(_, piece)| piece.len()).collect();
            assert!(lens[..pieces - 1].iter().all(|len| *len == CHUNK_BYTES) && lens[pieces - 1] <= CHUNK_BYTES);
            let sent: Vec<u8> = (0..count).flat_map(|i| vec![i as u8; bytes]).collect();
            assert_eq!(stored.bytes(), sent);
        }
    }
}

#[tokio::test]
async fn a_body_may_have_so_many_bytes_and_no_more() {
    let stored = Stored::open();
    let limit = |body, length| read_to(&stored, body, length, 1000);
    assert!(limit(Timed::parts(2, 500), None).await.is_ok());
    assert!(limit(Timed::parts(2, 500), Some(1000)).await.is_ok());
    assert!(matches!(limit(Timed::parts(1, 1001), None).await, Err(Failure::TooLarge)));
    // Judged before any of it is read.
    let unread = Timed::new([(3_600_000, Bytes::new())]);
    assert!(matches!(limit(unread, Some(1001)).await, Err(Failure::TooLarge)));
    assert!(matches!(limit(Timed::new([]), Some(u64::MAX)).await, Err(Failure::TooLarge)));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let start = Instant::now();
    let silent = Timed::new([(3_600_000, Bytes::from_static(b"a"))]);
    assert!(matches!(read_all(silent, Some(1)).await, Err(Failure::TooSlow)));
    assert_eq!(start.elapsed().as_secs(), 5);

    let start = Instant::now();
    let trickle = Timed::new((0..10_000).map(|_| (100, Bytes::from_static(b"a"))));
    assert!(matches!(read_all(trickle, None).await, Err(Failure::TooSlow)));
    assert_eq!(start.elapsed().as_secs(), 5);

    let start = Instant::now();
    let slow = Timed::new((0..20).map(|_| (4_000, Bytes::from(vec![0; 8 * 1024]))));
    assert!(matches!(read_all(slow, None).await, Err(Failure::TooSlow)));
    assert_eq!(start.elapsed().as_secs(), 60);

    let steady = Timed::new((0..100).map(|_| (1_000, Bytes::from(vec![0; 100 * 1024]))));
    assert!(read_all(steady, None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_store_is_not_held_against_the_caller() {
    let stored = Stored { pieces: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
    let gate = Arc::clone(&stored.gate);
    let opener = tokio::spawn(async move {
        for _ in 0..14 {
            sleep(Duration::from_secs(30)).await;
            gate.add_permits(1);
        }
    });
    let whole = read_to(&stored, Timed::new((0..10).map(|_| (1_000, Bytes::from(vec![0; MIB])))), None, 10 * MIB).await;
    assert!(matches!(whole, Ok(Whole::Pieces { sequences, .. }) if sequences.len() == 14));
    opener.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_pieces_are_in_flight_than_may_be() {
    let stored = Stored { pieces: Arc::default(), gate: Arc::new(Semaphore::new(0)) };
    let reading = read_to(&stored, Timed::parts(10, MIB), None, 10 * MIB);
    assert!(tokio::time::timeout(Duration::from_secs(60), reading).await.is_err());
    assert_eq!(stored.pieces.lock().unwrap().len(), PIECES_IN_FLIGHT_MAX);
}

#[tokio::test]
async fn the_budget_bounds_all_bodies_together() {
    let budget = Budget::new(2 * MIB);
    let mut first = budget.share();
    let stored = Stored::open();
    let append = |index, piece| stored.append(index, piece);
    assert!(read(Timed::parts(1, MIB), None, 10 * MIB, &mut first, append).await.is_ok());
    let mut second = budget.share();
    let exhausted = read(Timed::parts(3, MIB / 2), None, 10 * MIB, &mut second, append).await;
    assert!(matches!(exhausted, Err(Failure::Exhausted)));
    drop(first);
    assert!(read(Timed::parts(2, MIB / 2), None, 10 * MIB, &mut second, append).await.is_ok());
}

#[tokio::test]
async fn a_large_body_takes_no_more_of_the_budget_than_it_holds() {
    let stored = Stored::open();
    let mut share = Budget::new(HELD_BYTES_MAX).share();
    let whole = read(Timed::parts(64, MIB), None, 64 * MIB, &mut share, |i, piece| stored.append(i, piece)).await;
    assert!(matches!(whole, Ok(Whole::Pieces { bytes, .. }) if bytes == 64 * MIB as u64));
}

#[tokio::test]
async fn a_piece_that_is_not_stored_fails_the_body() {
    let append = |_, _| async { Err(store::Error::NoKey { scope: "void".to_owned() }) };
    let mut share = Budget::new(64 * MIB).share();
    let failed = read(Timed::parts(4, MIB), None, 10 * MIB, &mut share, append).await;
    assert!(matches!(failed, Err(Failure::Store(_))));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_makes_room_once_memory_is_short() {
    let budget = Budget::new(8 * MIB);
    // Half a MiB at once, and then a trickle that is fast enough by itself.
    let slow = || {
        let trickle = (0..20).map(|_| (1_000, Bytes::from(vec![0; 8 * 1024])));
        Timed::new([(0, Bytes::from(vec![0; MIB / 2]))].into_iter().chain(trickle))
    };
    let steady = || Timed::new((0..8).map(|_| (1_900, Bytes::from(vec![0; MIB / 2]))));
    let read_one = async |body: Timed| {
        let (stored, mut share) = (Stored::open(), budget.share());
        read(body, None, 10 * MIB, &mut share, |index, piece| stored.append(index, piece)).await
    };
    assert!(read_one(slow()).await.is_ok(), "there is room");

    let mut others = budget.share();
    let crowd = async {
        sleep(Duration::from_secs(5)).await;
        others.hold(4 * MIB + 1).unwrap();
    };
    let start = Instant::now();
    let (ended, ()) = tokio::join!(read_one(slow()), crowd);
    assert!(matches!(ended, Err(Failure::Crowding)));
    assert!(start.elapsed() < Duration::from_secs(6), "also one that was slow before");
    assert!(read_one(steady()).await.is_ok(), "who brings much stays");
    let late = Timed::new([(4_000, Bytes::from_static(b"a"))]);
    assert!(read_one(late).await.is_ok(), "who holds nothing takes no room");
    let small = |bytes| Timed::new([(0, Bytes::from(vec![0; bytes])), (3_000, Bytes::new())]);
    assert!(read_one(small(SMALL_BYTES)).await.is_ok(), "a segment of a webhook was lost");
    assert!(matches!(read_one(small(SMALL_BYTES + 1)).await, Err(Failure::Crowding)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_that_comes_by_itself_is_taken() {
    let (stored, mut share) = (Stored::open(), Budget::new(HELD_BYTES_MAX).share());
    let slow = Timed::new((0..10).map(|_| (4_000, Bytes::from(vec![0; MIB / 3]))));
    let whole = read(slow, None, 10 * MIB, &mut share, |index, piece| stored.append(index, piece)).await;
    assert!(matches!(whole, Ok(Whole::Pieces { .. })));
}
