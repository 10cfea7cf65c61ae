//! How much bcrypt may run at once, and how many may wait for it.
//!
//! A verification takes tens of milliseconds of a whole core. Without a bound, anybody who invents
//! secrets would take the processor from everything else in the process.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
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

/// Upper bounds of the classes of durations, in seconds: bcrypt alone takes some tens of
/// milliseconds, and more on a busy machine.
const SECONDS: [f64; 8] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

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
    seconds: Histogram,
    waiting: Gauge,
}

/// Counts one that waits for its turn, while it lives.
struct Waiting(Gauge);

impl Waiting {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
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
            seconds: Histogram::new(SECONDS),
            waiting: Gauge::default(),
        }
    }

    /// Shows how long the work takes, and how many wait for it.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "How long bcrypt took for the secret of a token";
        registry.register_with_unit("bcrypt_duration", help, Unit::Seconds, self.seconds.clone());
        let help = "Secrets of tokens that wait for their turn to be hashed";
        registry.register("bcrypt_waiting", help, self.waiting.clone());
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
        let waiting = Waiting::new(&self.waiting);
        let turn = time::timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(|_| Busy)?.map_err(|_| Busy)?;
        drop(waiting);
        let seconds = self.seconds.clone();
        let done = task::spawn_blocking(move || {
            let started = Instant::now();
            let result = work();
            seconds.observe(started.elapsed().as_secs_f64());
            drop((turn, place));
            result
        });
        done.await.map_err(|_| Busy)
    }
}
