//! How much bcrypt may run at once, and how many may wait for it.
//!
//! A verification takes tens of milliseconds of a whole core. Without a bound, anybody who invents
//! secrets would take the processor from everything else in the process.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task;
use tokio::time;

#[cfg(test)]
mod tests;

/// How many may wait while others run. More would only wait longer than callers do.
pub(crate) const QUEUE_MAX: usize = 64;

/// How many of those places are kept for secrets that were right before, so that a flood of invented
/// ones does not keep those out.
pub(crate) const QUEUE_RESERVED: usize = 16;

/// How long one waits for its turn; callers have given up soon after.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(4);

/// Who asks for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Presents a secret that was right before, in this process.
    Known,
    /// Presents anything else, right or wrong.
    Stranger,
}

/// Too many are waiting, or it took too long; trying again later may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many verifications at once")]
pub(crate) struct Busy;

/// The turns on the blocking pool. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    places_of_strangers: Arc<Semaphore>,
}

/// What a waiting or running piece of work holds, until it has ended.
#[derive(Debug)]
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    _place_of_stranger: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// Lets `workers` run at once.
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        let workers = workers.get();
        Self {
            turns: Arc::new(Semaphore::new(workers)),
            places: Arc::new(Semaphore::new(workers + QUEUE_MAX)),
            places_of_strangers: Arc::new(Semaphore::new(workers + QUEUE_MAX - QUEUE_RESERVED)),
        }
    }

    /// Takes a place in the queue, before anything is done for the asker.
    pub(crate) fn place(&self, asker: Asker) -> Result<Place, Busy> {
        let take = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_owned().map_err(|_| Busy);
        let place_of_stranger = match asker {
            Asker::Known => None,
            Asker::Stranger => Some(take(&self.places_of_strangers)?),
        };
        Ok(Place { _place: take(&self.places)?, _place_of_stranger: place_of_stranger })
    }

    /// Runs `work` on the blocking pool when its turn comes. Work that has started runs to its end
    /// and keeps turn and place until then, also if the caller is gone.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let turn = time::timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let done = task::spawn_blocking(move || {
            let result = work();
            drop((turn, place));
            result
        });
        done.await.map_err(|_| Busy)
    }
}
