//! Brings the directory in memory up to what NATS has: a watch tells of changes, and says nothing
//! while it hears of none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use telemetry::Stop;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::Directory;
use crate::Error;
use crate::event::APPEND_BUDGET;

/// How long whoever needs the directory to be up to date waits for it: as for a write, so that what
/// is there and what is not are answered alike while NATS is away.
const WAIT_MAX: Duration = APPEND_BUDGET;
/// A watch that does not show by then what is there is set up again.
const LAG_MAX: Duration = Duration::from_secs(1);
/// How often is asked whether anything was missed.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Questions for the last revision: everybody who waits for one to begin shares it, so that NATS is
/// asked by a process one at a time.
#[derive(Default)]
pub(super) struct Questions {
    begun: AtomicU64,
    last: Mutex<Answered>,
    /// The highest revision that was answered.
    told: AtomicU64,
    /// Since when memory has lacked something that was told of.
    behind_since: std::sync::Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Answered {
    /// Which question it was, from 1.
    number: u64,
    revision: u64,
}

impl Directory {
    /// Waits until memory has every change that was acknowledged to whoever made it before this
    /// was called. For what is not there: it may have been made a moment ago, by another process.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when NATS does not say what it has, or does not show it, within
    /// seconds.
    pub async fn catch_up(&self) -> Result<(), Error> {
        let caught_up = async { self.shows(self.shared_last_revision().await?).await };
        timeout(WAIT_MAX, caught_up).await.unwrap_or_else(|_| Err(Error::timed_out("catch up with the directory")))
    }

    /// Notices, while nobody asks, that the watch has missed something.
    pub(super) async fn keep_current(&self, stop: &Stop) {
        while stop.or(sleep(ASK_EVERY)).await.is_some() {
            if let Some(Err(error)) = stop.or(self.catch_up()).await {
                debug!(%error, "the directory may be behind");
            }
            self.note_lag();
        }
    }

    /// For how long memory has lacked something that NATS has, as far as was asked; nothing while it
    /// lacks nothing.
    pub(crate) fn behind_for(&self) -> Option<Duration> {
        self.behind_since().map(|since| since.elapsed())
    }

    fn note_lag(&self) {
        let told = self.inner.questions.told.load(Ordering::SeqCst);
        let is_behind = self.inner.seen.borrow().is_none_or(|seen| seen < told);
        let mut since = self.behind_since();
        *since = is_behind.then(|| since.unwrap_or_else(Instant::now));
    }

    fn behind_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.inner.questions.behind_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until memory has this revision, so that a writer reads its own write.
    pub(super) async fn shows(&self, revision: u64) -> Result<(), Error> {
        let mut seen = self.inner.seen.subscribe();
        let shown = seen.wait_for(|seen| seen.is_some_and(|seen| seen >= revision));
        tokio::pin!(shown);
        if timeout(LAG_MAX, &mut shown).await.is_ok() {
            return Ok(());
        }
        self.inner.stale.notify_waiters();
        match timeout(WAIT_MAX - LAG_MAX, shown).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::timed_out("see a change of the directory")),
        }
    }

    /// The last revision, as a question said that began after this was called.
    async fn shared_last_revision(&self) -> Result<u64, Error> {
        let questions = &self.inner.questions;
        let begun = questions.begun.load(Ordering::SeqCst);
        let mut last = questions.last.lock().await;
        if last.number <= begun {
            let number = questions.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *last = Answered { revision: self.last_revision().await?, number };
            questions.told.fetch_max(last.revision, Ordering::SeqCst);
        }
        Ok(last.revision)
    }
}
