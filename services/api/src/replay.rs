//! Replays of many: deliveries that a filter lets through are sent again, one after the other.
//!
//! A replay belongs to the process that was asked for it, and ends with it. What it has sent again by
//! then stands in the log like everything else. How far it is, it tells in the store, where any other
//! process finds it, and asks for its end.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use model::record::Bucket;
use model::{AccountId, EventId};
use store::replay::{Progress, Status};
use telemetry::Stop;
use tokio::sync::mpsc;
use tracing::{info, warn};
use uuid::Uuid;

use crate::Api;
use crate::error::Error;
use crate::logs::query::{self, After, Filter, Order};
use crate::logs::row::Row;
use crate::resend::{self, Manner, Repeat};

/// How many replays run side by side; more wait for their turn.
const SIDE_BY_SIDE_MAX: usize = 4;
/// How many replays may wait for their turn.
const WAITING_MAX: usize = 64;
/// How many of them may be of one account: the others have replays too.
const WAITING_PER_ACCOUNT_MAX: usize = 8;
/// How many replays are remembered, the oldest being forgotten first.
const KNOWN_MAX: usize = 1024;
/// How many deliveries are looked up at a time.
const PAGE_ROWS: usize = 100;
/// How many deliveries are read ahead of the one that is appended: reading is as slow as appending,
/// and each holds a body.
const READ_AHEAD: usize = 8;
/// How often a replay tells how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// The wait before a delivery is tried again that could not be appended.
const AGAIN_WAIT: Duration = Duration::from_secs(1);

/// What is to be sent again.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) bucket: Arc<Bucket>,
    /// Which deliveries; none that came after the replay was asked for.
    pub(crate) filter: Filter,
    pub(crate) manner: Manner,
}

/// A replay.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) id: Uuid,
    pub(crate) account: AccountId,
    pub(crate) plan: Plan,
    /// How many deliveries the filter let through.
    pub(crate) matched: u64,
    /// How many were sent again.
    pub(crate) done: AtomicU64,
    /// How many could not be, because they or their output are gone.
    pub(crate) failed: AtomicU64,
    is_dry: bool,
    is_over: Stop,
    cancelled: Stop,
}

impl Replay {
    /// What is said about it.
    pub(crate) fn progress(&self) -> Progress {
        let status = if self.is_dry {
            Status::DryRun
        } else if self.is_over.is_given() {
            Status::Done
        } else if self.cancelled.is_given() {
            Status::Cancelled
        } else {
            Status::Running
        };
        Progress {
            account: self.account,
            bucket: self.plan.bucket.id,
            status,
            matched: self.matched,
            done: self.done.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Has it end where it is.
    pub(crate) fn cancel(&self) {
        self.cancelled.give();
    }
}

/// The replays of this process.
pub(crate) struct Replays {
    known: Mutex<VecDeque<Arc<Replay>>>,
    tx: mpsc::Sender<Arc<Replay>>,
    rx: Mutex<Option<mpsc::Receiver<Arc<Replay>>>>,
}

impl Replays {
    /// None yet.
    pub(crate) fn new() -> Self {
        let (tx, rx) = mpsc::channel(WAITING_MAX);
        Self { known: Mutex::default(), tx, rx: Mutex::new(Some(rx)) }
    }

    /// Begins one; a dry one is only counted.
    ///
    /// # Errors
    /// [`Error::Precondition`] when too many wait, in all or of the account.
    pub(crate) fn begin(&self, plan: Plan, matched: u64, is_dry: bool, stop: &Stop) -> Result<Arc<Replay>, Error> {
        let replay = Arc::new(Replay {
            id: Uuid::new_v4(),
            account: plan.bucket.account,
            plan,
            matched,
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            is_dry,
            is_over: Stop::new(),
            cancelled: stop.child(),
        });
        if !is_dry {
            let is_before =
                |other: &&Arc<Replay>| other.account == replay.account && other.progress().status == Status::Running;
            if self.known().iter().filter(is_before).count() >= WAITING_PER_ACCOUNT_MAX {
                return Err(Error::Precondition(format!("{WAITING_PER_ACCOUNT_MAX} replays have not ended yet")));
            }
            let full = |_| Error::Precondition(format!("there are {WAITING_MAX} replays waiting already"));
            self.tx.try_send(Arc::clone(&replay)).map_err(full)?;
        }
        let mut known = self.known();
        if known.len() == KNOWN_MAX {
            known.pop_front();
        }
        known.push_back(Arc::clone(&replay));
        Ok(replay)
    }

    /// The replay of that id.
    pub(crate) fn get(&self, id: Uuid) -> Option<Arc<Replay>> {
        self.known().iter().find(|replay| replay.id == id).cloned()
    }

    /// Does what they are for until told to stop. Of several that run, one does.
    pub(crate) async fn run(&self, api: &Api, stop: &Stop) {
        let Some(rx) = self.rx.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let waiting = stream::unfold(rx, |mut rx| async move { rx.recv().await.map(|replay| (replay, rx)) });
        let all = waiting.for_each_concurrent(SIDE_BY_SIDE_MAX, |replay| finish(api.clone(), replay));
        stop.or(all).await;
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<Arc<Replay>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what a replay is for, unless it is cancelled.
async fn finish(api: Api, replay: Arc<Replay>) {
    let working = async {
        if replay.cancelled.or(replay.run(&api)).await.is_some() {
            replay.is_over.give();
        }
    };
    tokio::select! {
        // It has ended.
        () = working => {}
        // Never: it ends with the work.
        () = replay.stay_in_touch(&api) => {}
    }
    let progress = replay.progress();
    replay.tell(&api).await;
    let Progress { done, failed, status, .. } = progress;
    info!(replay = %replay.id, done, failed, ?status, "a replay has ended");
}

impl Replay {
    /// Tells how far it is, again and again, and hears whether it is to end.
    async fn stay_in_touch(&self, api: &Api) {
        loop {
            self.tell(api).await;
            match api.store().replays().is_cancelled(self.id).await {
                Ok(true) => self.cancel(),
                Ok(false) => {}
                Err(error) => warn!(replay = %self.id, %error, "a replay does not hear whether it is to end"),
            }
            tokio::time::sleep(TELL_EVERY).await;
        }
    }

    /// Other processes learn from it; this one knows.
    pub(crate) async fn tell(&self, api: &Api) {
        if let Err(error) = api.store().replays().tell(self.id, &self.progress()).await {
            warn!(replay = %self.id, %error, "a replay cannot tell how far it is");
        }
    }

    async fn run(self: &Arc<Self>, api: &Api) {
        let mut after = None;
        loop {
            let (bucket, filter) = (self.plan.bucket.id, self.plan.filter.clone());
            let page = api.logs().read(move |connection| {
                query::page(connection, bucket, &filter, Order::OldestFirst, after, PAGE_ROWS, 0)
            });
            let rows = match page.await {
                Ok(rows) => rows,
                Err(error) => {
                    warn!(error = error.for_operator(), "a replay looks again");
                    tokio::time::sleep(AGAIN_WAIT).await;
                    continue;
                }
            };
            let Some(last) = rows.last() else { return };
            after = Some(After { event: last.event, output: last.output });
            // Some are read ahead; they are appended one after the other, in their order.
            let ready = rows.into_iter().map(|row| prepare(api.clone(), Arc::clone(self), row));
            let mut ready = pin!(stream::iter(ready).buffered(READ_AHEAD));
            while let Some(ready) = ready.next().await {
                self.append(api, ready).await;
            }
        }
    }

    async fn append(&self, api: &Api, ready: Result<Repeat, Failure>) {
        let appended = match ready {
            Err(failure) => Err(failure),
            Ok(repeat) => loop {
                match resend::append(api, &repeat).await {
                    Ok(_) => break Ok(()),
                    Err(Error::Unavailable(_)) => tokio::time::sleep(AGAIN_WAIT).await,
                    Err(error) => break Err(Failure { event: repeat.origin(), error }),
                }
            },
        };
        match appended {
            Ok(()) => self.done.fetch_add(1, Ordering::Relaxed),
            Err(Failure { event, error }) => {
                warn!(%event, %error, "a delivery cannot be sent again");
                self.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

/// Why the delivery of an event cannot be sent again.
struct Failure {
    event: EventId,
    error: Error,
}

/// What is to be appended for a delivery.
async fn prepare(api: Api, replay: Arc<Replay>, row: Row) -> Result<Repeat, Failure> {
    loop {
        match resend::prepare(&api, &replay.plan.bucket, &row, replay.plan.manner).await {
            Ok(repeat) => return Ok(repeat),
            Err(Error::Unavailable(_)) => tokio::time::sleep(AGAIN_WAIT).await,
            Err(error) => return Err(Failure { event: row.event, error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::BucketId;
    use model::UnixMs;

    use super::*;

    fn plan(account: u128) -> Plan {
        let (id, account) = (Uuid::from_u128(account), AccountId(Uuid::from_u128(account)));
        let bucket = Bucket::new(BucketId(id), account, "demo".parse().unwrap(), UnixMs(0));
        Plan { bucket: Arc::new(bucket), filter: Filter::default(), manner: Manner::default() }
    }

    #[test]
    fn an_account_has_so_many_replays_before_it_and_leaves_room_for_others() {
        let (replays, stop) = (Replays::new(), Stop::new());
        let begin = |account| replays.begin(plan(account), 1, false, &stop);
        let first = begin(1).unwrap();
        for _ in 1..WAITING_PER_ACCOUNT_MAX {
            begin(1).unwrap();
        }
        assert!(matches!(begin(1), Err(Error::Precondition(_))));
        replays.begin(plan(1), 1, true, &stop).unwrap();
        begin(2).unwrap();
        first.is_over.give();
        begin(1).unwrap();
    }
}
