//! Load that goes on whatever happens to the relay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::nats::Access;
use e2e::wait::{holds, until};
use e2e::{Bucket, Caller, Destination, Ledger, Spread};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many senders there are, and how long each waits from one webhook to the next.
const SENDERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// Senders that go on whatever happens, each webhook with a number of its own.
pub(crate) struct Load {
    bucket: Bucket,
    next: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    senders: JoinSet<Ledger>,
    ledger: Ledger,
    pauses: Arc<Pauses>,
}

/// How long no webhook was accepted at a time.
struct Pauses {
    /// When one was last accepted, and the longest time between two.
    last_and_longest: Mutex<(Instant, Duration)>,
}

impl Pauses {
    fn note(&self, status: Option<u16>) {
        if status == Some(200) {
            let mut known = self.last_and_longest.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            *known = (now, known.1.max(now - known.0));
        }
    }
}

impl Load {
    pub(crate) fn start(relay: &Spread<impl AsRef<Access>>, bucket: &Bucket) -> Self {
        let (next, stop) = (Arc::new(AtomicU64::new(1)), watch::Sender::new(false));
        let pauses = Arc::new(Pauses { last_and_longest: Mutex::new((Instant::now(), Duration::ZERO)) });
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            senders.spawn(keep_sending(relay.caller(), bucket.clone(), next.clone(), pauses.clone(), stop.subscribe()));
        }
        Self { bucket: bucket.clone(), next, stop, senders, ledger: Ledger::default(), pauses }
    }

    /// The longest time without a webhook that was accepted, since this was last asked.
    pub(crate) fn longest_pause(&self) -> Duration {
        let mut known = self.pauses.last_and_longest.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut known.1)
    }

    /// Waits until so many more webhooks were sent.
    pub(crate) async fn goes_on(&self, webhooks: u64) -> Result<()> {
        let enough = self.next.load(Ordering::Relaxed) + webhooks;
        until("more webhooks were sent", async || Ok(holds(self.next.load(Ordering::Relaxed) >= enough))).await
    }

    /// Waits until a webhook that is sent from now on is accepted, and has arrived.
    pub(crate) async fn passes(&mut self, relay: &Spread<impl AsRef<Access>>, destination: &Destination) -> Result<()> {
        let mut caller = relay.caller();
        let number = until("a webhook is accepted", async || {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let status = caller.post_number(self.bucket.input, number).await;
            self.ledger.note(number, status);
            self.pauses.note(status);
            Ok((status == Some(200)).then_some(number))
        })
        .await?;
        destination.receives_number(number).await.map(drop)
    }

    /// Ends the senders and adds up what they noted.
    pub(crate) async fn stop(mut self) -> Result<Ledger> {
        self.stop.send_replace(true);
        while let Some(notes) = self.senders.join_next().await {
            self.ledger.merge(notes?);
        }
        Ok(self.ledger)
    }
}

async fn keep_sending(
    mut caller: Caller,
    bucket: Bucket,
    next: Arc<AtomicU64>,
    pauses: Arc<Pauses>,
    mut stop: watch::Receiver<bool>,
) -> Ledger {
    let mut ledger = Ledger::default();
    let mut beat = tokio::time::interval(PAUSE);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow_and_update() {
        beat.tick().await;
        let number = next.fetch_add(1, Ordering::Relaxed);
        let status = caller.post_number(bucket.input, number).await;
        pauses.note(status);
        ledger.note(number, status);
    }
    ledger
}
