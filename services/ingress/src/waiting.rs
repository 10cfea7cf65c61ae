//! Callers who wait for what a destination answers.
//!
//! The event of such a caller names the subject that this process listens on. Whoever gets an
//! answer of a destination brings it there; the first that fits goes to the caller, and what comes
//! later finds nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::EventId;
use model::answer::Answer;
use model::record::{AnswerFrom, WAIT_SECONDS_DEFAULT, WAIT_SECONDS_MAX, Wait};
use store::Store;
use store::answer::Given;
use telemetry::Stop;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

/// How many answers of one event may come while its caller looks at the first.
const ANSWERS_MAX: usize = 16;
/// The wait before listening is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// The callers of this process who wait. Clones share them.
#[derive(Clone)]
pub(crate) struct Waiting {
    callers: Arc<Mutex<HashMap<EventId, mpsc::Sender<Given>>>>,
    /// The subject, once this process listens.
    subject: Arc<watch::Sender<Option<String>>>,
}

/// A caller's place; given up when dropped.
pub(crate) struct Place {
    waiting: Waiting,
    event: EventId,
    from: AnswerFrom,
    answers: mpsc::Receiver<Given>,
    span: Duration,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self { callers: Arc::default(), subject: Arc::new(watch::Sender::new(None)) }
    }

    /// Hears answers until told to stop.
    pub(crate) async fn run(&self, store: &Store, stop: &Stop) {
        while !stop.is_given() {
            match stop.or(store.answers().listen()).await {
                None => return,
                Some(Ok(mut listener)) => {
                    self.subject.send_replace(Some(listener.subject().to_owned()));
                    while let Some(Some(given)) = stop.or(listener.next()).await {
                        self.give(given);
                    }
                }
                Some(Err(error)) => warn!(%error, "answers of destinations cannot be heard; trying again"),
            }
            stop.or(tokio::time::sleep(RETRY_WAIT)).await;
        }
    }

    /// A place for the caller of this event, and the subject that the event has to name.
    pub(crate) fn place(&self, event: EventId, wait: &Wait) -> Option<(Place, String)> {
        let subject = self.subject.borrow().clone()?;
        let (tx, answers) = mpsc::channel(ANSWERS_MAX);
        self.callers().insert(event, tx);
        let seconds = match wait.seconds {
            0 => WAIT_SECONDS_DEFAULT,
            seconds => seconds.min(WAIT_SECONDS_MAX),
        };
        let span = Duration::from_secs(seconds.into());
        Some((Place { waiting: self.clone(), event, from: wait.answer_from, answers, span }, subject))
    }

    fn give(&self, given: Given) {
        let caller = self.callers().get(&given.event).cloned();
        match caller {
            // A caller who has more than enough to choose from needs no more.
            Some(caller) => drop(caller.try_send(given)),
            None => info!(event = %given.event, output = %given.output, "an answer came too late for its caller"),
        }
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<EventId, mpsc::Sender<Given>>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The answer; `None` when none that fits came in time.
    pub(crate) async fn answer(mut self) -> Option<Answer> {
        let end = Instant::now() + self.span;
        loop {
            let given = tokio::time::timeout_at(end, self.answers.recv()).await.ok()??;
            let fits = match self.from {
                AnswerFrom::AnyOutput => true,
                AnswerFrom::Output(output) => given.output == output,
            };
            if fits {
                return Some(given.answer);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.callers().remove(&self.event);
    }
}

#[cfg(test)]
mod tests;
