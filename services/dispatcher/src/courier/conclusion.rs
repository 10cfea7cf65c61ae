//! Facts on their way into the log: one message at a time, each with all that came meanwhile.
//!
//! While one message waits for its acknowledgement the facts that come are collected for the next.
//! So a busy cursor pays one flush to disk for many facts, and an idle one waits for nothing.

use std::pin::Pin;
use std::time::Duration;

use model::UnixMs;
use model::fact::{Fact, Next};
use store::Store;
use store::answer::Given;
use store::fact::CursorKey;
use tracing::warn;

/// The most facts in one message: far below the size limit of a message.
const FACTS_MAX: usize = 512;
/// The wait before facts that could not be appended are appended again.
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// The facts of one cursor that are not yet known to be in the log.
pub(super) struct Conclusions {
    store: Store,
    key: CursorKey,
    collected: Vec<Concluded>,
    appending: Option<Pin<Box<dyn Future<Output = Vec<Fact>> + Send>>>,
}

impl Conclusions {
    pub(super) fn new(store: Store, key: CursorKey) -> Self {
        Self { store, key, collected: Vec::new(), appending: None }
    }

    /// Adds a fact, with the answer that is to be kept with it.
    pub(super) fn push(&mut self, fact: Fact, answer: Option<Given>) {
        self.collected.push(Concluded { fact, answer });
    }

    /// Whether everything is in the log.
    pub(super) fn is_empty(&self) -> bool {
        self.collected.is_empty() && self.appending.is_none()
    }

    /// Waits until facts are in the log, and returns them; for ever when there are none.
    /// Dropping the future loses nothing.
    pub(super) async fn appended(&mut self) -> Option<Vec<Fact>> {
        let appending = match &mut self.appending {
            Some(appending) => appending,
            None if self.collected.is_empty() => std::future::pending().await,
            None => {
                let rest = self.collected.split_off(self.collected.len().min(FACTS_MAX));
                let concluded = std::mem::replace(&mut self.collected, rest);
                self.appending.insert(Box::pin(append(self.store.clone(), self.key, concluded)))
            }
        };
        let facts = appending.as_mut().await;
        self.appending = None;
        Some(facts)
    }
}

/// A fact, and the answer that it tells of.
struct Concluded {
    fact: Fact,
    answer: Option<Given>,
}

/// When the delivery is tried again, if it is.
pub(super) fn retry_at(fact: &Fact) -> Option<UnixMs> {
    match fact {
        Fact::AttemptFinished { next: Next::RetryAt(at), .. } => Some(*at),
        Fact::AttemptFinished { next: Next::End(_), .. } | Fact::DeliveryEnded { .. } | Fact::Reported { .. } => None,
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
