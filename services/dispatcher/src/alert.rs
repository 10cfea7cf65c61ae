//! Tells owners of trouble, where they asked to be told.
//!
//! The cast:
//!
//! - [`Alerts`] is where couriers, the caretaker and presence raise a [`Trouble`]; they never wait.
//! - `trouble` is what happened, in words.
//! - `desk` decides who is told, and who was told lately. Pure.
//! - `body` is what is posted, `post` posts it.
//! - `lag` finds cursors whose deliveries wait for too long.
//!
//! Each dispatcher tells of what it sees itself. Nothing here is needed for correctness: trouble that
//! could not be told is in the logs all the same.

mod body;
mod desk;
pub(crate) mod lag;
mod post;
mod trouble;

use std::sync::Arc;

use model::fact::{Ending, Fact, Next};
use model::record::Integration;
use store::directory::Versioned;
use store::fact::CursorKey;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::clock;
use crate::hub::Hub;
use crate::public::Attempts;
use desk::{Desk, Subject};
use post::Posted;

pub(crate) use trouble::{Trouble, What};

/// How much trouble waits to be told. When more comes at once, it is like what waits.
const TROUBLES_MAX: usize = 1024;
/// How many posts are under way before further trouble waits.
const POSTS_MAX: usize = 64;

/// Where trouble is raised.
pub(crate) struct Alerts {
    tx: mpsc::Sender<Trouble>,
    rx: Mutex<mpsc::Receiver<Trouble>>,
}

impl Alerts {
    pub(crate) fn new() -> Self {
        let (tx, rx) = mpsc::channel(TROUBLES_MAX);
        Self { tx, rx: Mutex::new(rx) }
    }

    /// Has the owner told, if they want to be. Returns at once.
    pub(crate) fn raise(&self, key: CursorKey, what: What) {
        if self.tx.try_send(Trouble { key, at: clock::now(), what }).is_err() {
            debug!(output = %key.output, "too much trouble at once; this is not told");
        }
    }

    /// Raises what a fact is trouble of, if it is.
    pub(crate) fn raise_for(&self, key: CursorKey, fact: &Fact) {
        let what = match *fact {
            Fact::AttemptFinished { event, outcome, reason, attempt, next: Next::End(Ending::Failed), .. } => {
                What::Failed { event, outcome: Some(outcome), reason, attempts: attempt }
            }
            Fact::DeliveryEnded { event, ending: Ending::Failed, reason, .. } => {
                What::Failed { event, outcome: None, reason, attempts: 0 }
            }
            Fact::DeliveryEnded { event, ending: Ending::Expired, .. } => What::Expired { event, count: 1 },
            Fact::AttemptFinished { .. } | Fact::DeliveryEnded { .. } | Fact::Reported { .. } => return,
        };
        self.raise(key, what);
    }
}

/// Tells of what is raised until the dispatcher stops; posts under way are given up then.
pub(crate) async fn run(hub: &Hub, attempts: Arc<Attempts>) {
    let mut rx = hub.alerts().rx.lock().await;
    let (mut desk, mut posts) = (Desk::default(), JoinSet::new());
    loop {
        tokio::select! {
            // The end of the work.
            () = hub.stop().given() => return,
            // Somebody is to be told of something.
            Some(trouble) = rx.recv(), if posts.len() < POSTS_MAX => {
                for (integration, body) in to_tell(hub, &mut desk, &trouble) {
                    let attempts = attempts.clone();
                    posts.spawn(async move {
                        let posted = post::post(&attempts, &integration.record, body).await;
                        (integration, posted)
                    });
                }
            }
            // An alert was posted, or could not be.
            Some(Ok((integration, posted))) = posts.join_next(), if !posts.is_empty() => {
                let Integration { id, updated_at, .. } = *integration.record;
                if desk.posted(id, updated_at, posted.is_taken) {
                    disable(hub, &integration, &posted).await;
                }
            }
        }
    }
}

/// Who is to be told of it now, and what.
fn to_tell(hub: &Hub, desk: &mut Desk, trouble: &Trouble) -> Vec<(Versioned<Integration>, String)> {
    let (alert, key) = (trouble.what.alert(), trouble.key);
    let mut attached = hub.store().directory().integrations_on(key.bucket);
    attached.retain(|integration| integration.record.wants(alert, key.bucket));
    let Some(named) = trouble.named(hub.store().directory()) else { return Vec::new() };
    // Of another account an integration cannot be; a record that says so is not heeded.
    attached.retain(|integration| integration.record.account == named.account);
    let told = attached.into_iter().filter_map(|integration| {
        let subject = Subject { integration: integration.record.id, bucket: key.bucket, output: key.output, alert };
        let untold = desk.tell(subject, trouble.what.count(), Instant::now())?;
        let body = body::of(integration.record.plugin, trouble, &named, untold);
        Some((integration, body))
    });
    told.collect()
}

/// Disables an integration that takes nothing, unless its owner has changed it just now; they set it
/// free.
async fn disable(hub: &Hub, integration: &Versioned<Integration>, last: &Posted) {
    let id = integration.record.id;
    let message = format!("{} alerts in a row could not be posted; the last: {}", desk::FAILURES_MAX, last.how);
    let record = Integration { disabled: true, message, updated_at: clock::now(), ..(*integration.record).clone() };
    match hub.store().directory().update(&record, integration.revision).await {
        Ok(_) => info!(integration = %id, "an integration that takes no alerts was disabled"),
        Err(store::Error::Conflict) => debug!(integration = %id, "an integration was changed meanwhile"),
        Err(error) => warn!(integration = %id, %error, "an integration that takes no alerts could not be disabled"),
    }
}
