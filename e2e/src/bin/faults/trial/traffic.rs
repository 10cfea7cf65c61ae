//! Senders of a trial: as fast as they are answered, each webhook with a number of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    senders: JoinSet<Ledger>,
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

    /// How many were accepted so far.
    pub(super) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Waits until so many more are accepted.
    pub(super) async fn is_accepted(&self, webhooks: u64) -> Result<()> {
        let enough = self.accepted() + webhooks;
        until("more webhooks are accepted", async || Ok(holds(self.accepted() >= enough))).await
    }

    /// Waits until so many more are answered otherwise than with 200.
    pub(super) async fn is_refused(&self, webhooks: u64) -> Result<()> {
        let refused = || self.shared.refused.load(Ordering::Relaxed);
        let enough = refused() + webhooks;
        until("webhooks are refused", async || Ok(holds(refused() >= enough))).await
    }

    /// Ends the senders and adds up what they noted.
    pub(super) async fn stop(mut self) -> Result<Ledger> {
        self.stop.send_replace(true);
        let mut ledger = Ledger::default();
        while let Some(notes) = self.senders.join_next().await {
            ledger.merge(notes?);
        }
        Ok(ledger)
    }
}

async fn send(
    mut caller: Caller,
    input: InputId,
    pause: Duration,
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> Ledger {
    let mut ledger = Ledger::default();
    while !*stop.borrow() {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let status = caller.post_number(input, number).await;
        ledger.note(number, status);
        match status {
            Some(200) => {
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(pause).await;
            }
            Some(_) | None => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
    ledger
}
