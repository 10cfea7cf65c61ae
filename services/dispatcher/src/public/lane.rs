//! Starts the first attempts of one output in order: each waits until the one before was answered,
//! or until our patience with it has run out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::stagger::Stagger;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::room::{self, Room};

/// The attempts of one output.
#[derive(Debug)]
pub(super) struct Lane {
    state: Mutex<State>,
    room: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    stagger: Stagger,
    before: Option<Before>,
}

/// The attempt that was started last.
#[derive(Debug)]
struct Before {
    started: Instant,
    over: oneshot::Receiver<()>,
}

/// Held by an attempt until it is over.
#[derive(Debug)]
pub(super) struct UnderWay(
    #[expect(dead_code, reason = "that it goes says that the attempt is over")] oneshot::Sender<()>,
);

impl Lane {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), room: Arc::new(Semaphore::new(room::OUTPUT_KIB_MAX)) }
    }

    /// Waits until the next first attempt may start. Dropping the future starts nothing.
    pub(super) async fn turn(&self) {
        let (before, patience) = {
            let mut state = self.state();
            (state.before.take(), state.stagger.patience())
        };
        let Some(Before { started, over }) = before else { return };
        match timeout_at(started + patience, over).await {
            Ok(_) => self.state().stagger.answered(),
            Err(_) => self.state().stagger.ran_out(),
        }
    }

    /// A first attempt starts now.
    pub(super) fn start(&self) -> UnderWay {
        let (tx, over) = oneshot::channel();
        self.state().before = Some(Before { started: Instant::now(), over });
        UnderWay(tx)
    }

    /// Waits for memory for an attempt: first among those of the output, then among all.
    pub(super) async fn room(&self, all: &Arc<Semaphore>, bytes: usize) -> Room {
        Room::take(&self.room, all, bytes).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::stagger::PATIENCE_MAX;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_next_starts_with_the_answer_or_when_patience_has_run_out() {
        let lane = Lane::new();
        let begin = Instant::now();
        lane.turn().await;
        let first = lane.start();
        let answered = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(first);
        };
        tokio::join!(lane.turn(), answered);
        assert_eq!(begin.elapsed(), Duration::from_millis(10), "with the answer");
        let _silent = lane.start();
        lane.turn().await;
        assert_eq!(begin.elapsed(), Duration::from_millis(10) + PATIENCE_MAX, "without one");
        let _silent = lane.start();
        lane.turn().await;
        assert_eq!(begin.elapsed(), Duration::from_millis(10) + PATIENCE_MAX * 3 / 2, "with less patience");
    }
}
