//! Starts the first attempts of each output in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::OutputId;
use model::stagger::{PATIENCE_MAX, PATIENCE_MIN, Stagger};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

/// What waits, per output. An output has an entry as long as somebody runs its lane.
#[derive(Debug)]
pub struct Lanes<J> {
    waiting: Mutex<HashMap<OutputId, VecDeque<(J, Instant)>>>,
}

impl<J> Default for Lanes<J> {
    fn default() -> Self {
        Self { waiting: Mutex::default() }
    }
}

impl<J> Lanes<J> {
    /// Adds a job at the end of its output's lane. `Some`: nobody runs that lane; the caller must.
    pub fn push(&self, output: OutputId, job: J) -> Option<OutputId> {
        let mut waiting = self.lock();
        let is_new = !waiting.contains_key(&output);
        waiting.entry(output).or_default().push_back((job, Instant::now()));
        is_new.then_some(output)
    }

    /// Starts the jobs of a lane, one after the other, until none waits.
    ///
    /// The next one starts when the one before is over or the patience with it has run out; then
    /// it goes on by itself, in `tasks`. When jobs come faster than answers, the patience shrinks
    /// too, although every answer comes in time: what waits must not grow for ever. Answers within
    /// [`PATIENCE_MIN`] are not to blame for that: even the least patience would wait for them.
    pub(super) async fn run<F>(&self, output: OutputId, make: impl Fn(J) -> F, tasks: &TaskTracker)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut stagger = Stagger::default();
        while let Some((job, since)) = self.next(output) {
            let is_behind = since.elapsed() > PATIENCE_MAX;
            let started = Instant::now();
            let mut attempt = Box::pin(make(job));
            match timeout(stagger.patience(), &mut attempt).await {
                Ok(()) if is_behind && started.elapsed() > PATIENCE_MIN => stagger.ran_out(),
                Ok(()) => stagger.answered(),
                Err(_) => {
                    stagger.ran_out();
                    tasks.spawn(attempt);
                }
            }
        }
    }

    /// Drops everything that waits.
    pub fn clear(&self) {
        for waiting in self.lock().values_mut() {
            waiting.clear();
        }
    }

    /// The next job of a lane; none when it is empty, and then nobody runs it any more.
    pub fn next(&self, output: OutputId) -> Option<(J, Instant)> {
        let mut waiting = self.lock();
        let next = waiting.get_mut(&output).and_then(VecDeque::pop_front);
        if next.is_none() {
            waiting.remove(&output);
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OutputId, VecDeque<(J, Instant)>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
