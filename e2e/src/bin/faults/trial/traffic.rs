//! Senders of a trial: as fast as they are answered, each webhook with a number of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::wait::{holds, until};
use e2e::{Caller, Ledger};
use model::InputId;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many send.
const SENDERS: usize = 4;
/// How long a sender waits after a webhook that was not accepted.
const AGAIN: Duration = Duration::from_millis(100);

/// Those who send.
pub(super) struct Traffic {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    senders: JoinSet<Sent>,
}

/// What they noted.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) ledger: Ledger,
    /// When each number was accepted.
    pub(super) accepts: BTreeMap<u64, Instant>,
}

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl Traffic {
    /// Begins to send to an input; `caller` makes one for each sender, `pause` is from one webhook
    /// to the next of the same sender.
    pub(super) fn start(caller: impl Fn() -> Caller, input: InputId, pause: Duration) -> Self {
        let (shared, stop, mut senders) = (Arc::<Shared>::default(), watch::Sender::new(false), JoinSet::new());
        for _ in 0..SENDERS {
            senders.spawn(send(caller(), input, pause, shared.clone(), stop.subscribe()));
        }
        Self { shared, stop, senders }
    }

    /// The lowest number that nobody has sent yet.
    pub(super) fn next(&self) -> u64 {
        self.shared.next.load(Ordering::Relaxed)
    }

    /// How many were accepted so far.
    pub(super) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Waits until so many more are accepted.
    pub(super) async fn is_accepted(&self, webhooks: u64) -> Result<()> {
        let enough = self.accepted() + webhooks;
        until("more webhooks are accepted", async || Ok(holds(self.accepted() >= enough))).await
    }

    /// How many were answered otherwise than with 200, or not at all, so far.
    pub(super) fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Waits until so many more are answered otherwise than with 200.
    pub(super) async fn is_refused(&self, webhooks: u64) -> Result<()> {
        let enough = self.refused() + webhooks;
        until("webhooks are refused", async || Ok(holds(self.refused() >= enough))).await
    }

    /// Ends the senders and adds up what they noted.
    pub(super) async fn stop(mut self) -> Result<Sent> {
        self.stop.send_replace(true);
        let mut all = Sent::default();
        while let Some(sent) = self.senders.join_next().await {
            let Sent { ledger, accepts } = sent?;
            all.ledger.merge(ledger);
            all.accepts.extend(accepts);
        }
        Ok(all)
    }
}

async fn send(
    mut caller: Caller,
    input: InputId,
    pause: Duration,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> Sent {
    let mut sent = Sent::default();
    while !*stop.borrow() {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let status = caller.post_number(input, number).await;
        sent.ledger.note(number, status);
        match status {
            Some(200) => {
                sent.accepts.insert(number, Instant::now());
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
            Some(_) | None => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    sent
}
