//! Webhooks that were answered as nobody's, and are held until it is certain that they are: their
//! input may have been made a moment ago.

use std::time::Duration;

use model::request::Request;
use telemetry::Stop;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::budget::{Budget, Share};

/// The most bytes that are held. What finds no room is settled before it is answered.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// What is reckoned for a webhook beside its bytes: where its header lines lie, its task and its span.
const BESIDE_BYTES: usize = 8 * 1024;
/// How often is looked: by all at once, so that NATS is asked once for all of them, and not right
/// after an answer, where it would slow the next one.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long is looked while NATS does not say what there is.
pub(crate) const LOOK_MAX: Duration = Duration::from_secs(60);

/// What is held.
pub(crate) struct Doubts {
    held: TaskTracker,
    budget: Budget,
    since: Instant,
}

/// Room for one; given back when dropped.
pub(crate) struct Doubt {
    _held: TaskTrackerToken,
    _share: Share,
}

impl Doubts {
    pub(crate) fn new() -> Self {
        Self { held: TaskTracker::new(), budget: Budget::new(BYTES_MAX), since: Instant::now() }
    }

    /// Room for a webhook; none when its body is not in memory, too much is held, or this process is
    /// about to stop.
    pub(crate) fn hold(&self, webhook: &Request) -> Option<Doubt> {
        if webhook.chunks.is_some() {
            return None;
        }
        let held = self.held.token();
        let mut share = self.budget.share();
        share.hold(BESIDE_BYTES + webhook.stored_bytes()).ok()?;
        // Asked last: who holds a token before is waited for.
        (!self.is_closing()).then_some(Doubt { _held: held, _share: share })
    }

    /// Waits for the next look.
    pub(crate) async fn look(&self) {
        let looks = self.since.elapsed().as_millis() / LOOK_EVERY.as_millis() + 1;
        sleep_until(self.since + LOOK_EVERY * u32::try_from(looks).unwrap_or(u32::MAX)).await;
    }

    /// Whether this process is about to stop.
    pub(crate) fn is_closing(&self) -> bool {
        self.held.is_closed()
    }

    /// Once told to stop, waits until nothing is held any more.
    pub(crate) async fn run(&self, stop: &Stop) {
        stop.given().await;
        self.held.close();
        self.held.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model::request::{Chunks, Header};

    use super::*;

    #[test]
    fn no_more_is_held_than_there_is_room_for_be_it_head_or_body() {
        let large = Bytes::from(vec![b'x'; 60 * 1024]);
        let header = Header { name: "x".into(), value: large.clone() };
        for webhook in [
            Request { body: large, ..Request::default() },
            Request { headers: vec![header], ..Request::default() },
            Request::default(),
        ] {
            let doubts = Doubts::new();
            let held: Vec<_> = std::iter::from_fn(|| doubts.hold(&webhook)).collect();
            let each = (BESIDE_BYTES + webhook.stored_bytes()).next_multiple_of(4 * 1024);
            assert_eq!(held.len(), BYTES_MAX / each);
            drop(held);
            assert!(doubts.hold(&webhook).is_some());
        }
        let too_large = Request { body: vec![0; BYTES_MAX].into(), ..Request::default() };
        let in_pieces = Request { chunks: Some(Chunks::default()), ..Request::default() };
        assert!([too_large, in_pieces].iter().all(|webhook| Doubts::new().hold(webhook).is_none()));
    }

    #[tokio::test]
    async fn what_is_held_is_waited_for_and_nothing_more_is() {
        let (doubts, stop) = (Doubts::new(), Stop::new());
        let held = doubts.hold(&Request::default()).unwrap();
        stop.give();
        let ended = doubts.run(&stop);
        tokio::pin!(ended);
        assert!(tokio::time::timeout(Duration::ZERO, &mut ended).await.is_err());
        assert!(doubts.hold(&Request::default()).is_none());
        drop(held);
        ended.await;
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_looks_at_the_same_moments() {
        let doubts = Doubts::new();
        for _ in 0..3 {
            tokio::time::advance(LOOK_EVERY / 3).await;
            doubts.look().await;
            assert_eq!(doubts.since.elapsed().as_millis() % LOOK_EVERY.as_millis(), 0);
        }
    }
}
