//! Facts on their way into the log: one message at a time, each with all that came meanwhile.
//!
//! While one message waits for its acknowledgement the facts that come are collected for the next.
//! So a busy cursor pays one flush to disk for many facts, and an idle one waits for nothing.

use std::pin::Pin;
use std::time::Duration;

use model::fact::Fact;
use store::Store;
use store::answer::Given;
use store::fact::CursorKey;
use tracing::warn;

use super::work::{Concluded, Work};

/// The wait before facts that could not be appended are appended again.
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// The message of facts of one cursor that is not yet known to be in the log.
pub(super) struct Conclusions {
    store: Store,
    key: CursorKey,
    appending: Option<Pin<Box<dyn Future<Output = Vec<Fact>> + Send>>>,
}

impl Conclusions {
    pub(super) fn new(store: Store, key: CursorKey) -> Self {
        Self { store, key, appending: None }
    }

    /// Whether no message is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.appending.is_none()
    }

    /// Waits until the next facts of `work` are in the log, and returns them; for ever when there
    /// are none. Dropping the future loses nothing.
    pub(super) async fn appended(&mut self, work: &mut Work) -> Option<Vec<Fact>> {
        let appending = match &mut self.appending {
            Some(appending) => appending,
            None if !work.has_facts() => std::future::pending().await,
            None => self.appending.insert(Box::pin(append(self.store.clone(), self.key, work.next_facts()))),
        };
        let facts = appending.as_mut().await;
        self.appending = None;
        Some(facts)
    }
}

/// Keeps the answers and appends the facts, again and again until the log has them.
async fn append(store: Store, key: CursorKey, concluded: Vec<Concluded>) -> Vec<Fact> {
    let facts = with_answers(&store, key, concluded).await;
    while let Err(error) = store.facts().append(&key, &facts).await {
        warn!(output = %key.output, %error, "facts could not be appended; trying again");
        tokio::time::sleep(RETRY_WAIT).await;
    }
    facts
}

/// The facts, with where their answers are kept. An answer whose bucket is gone is kept nowhere.
async fn with_answers(store: &Store, key: CursorKey, concluded: Vec<Concluded>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = concluded.iter().map(|one| one.fact).collect();
    let given: Vec<Given> = concluded.iter().filter_map(|one| one.answer.clone()).collect();
    if given.is_empty() {
        return facts;
    }
    let kept = loop {
        match store.answers().keep(key.bucket, &given).await {
            Ok(kept) => break kept,
            Err(error @ store::Error::Unavailable { .. }) => {
                warn!(output = %key.output, %error, "answers could not be kept; trying again");
                tokio::time::sleep(RETRY_WAIT).await;
            }
            Err(_) => return facts,
        }
    };
    let with_answer = facts.iter_mut().zip(&concluded).filter(|(_, one)| one.answer.is_some());
    for ((fact, _), kept) in with_answer.zip(kept) {
        *fact = fact.with_answer(kept);
    }
    facts
}
