//! Whether the store can take a webhook now: asked by publishing one that nobody reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::Context;
use bytes::Bytes;
use telemetry::Stop;
use tokio::time::Instant;

use crate::directory::Directory;
use crate::keyring::Keyring;
use crate::layout;
use crate::publish::{Publication, Publisher};

mod copies;

use copies::Copies;

/// How often the canary is published.
const CANARY_EVERY: Duration = Duration::from_secs(2);
/// How long its acknowledgement is waited for.
const CANARY_WAIT: Duration = Duration::from_secs(2);
/// An acknowledgement older than this says nothing about now.
const CANARY_AGE_MAX: Duration = Duration::from_secs(15);
/// How often is looked at what changes slowly.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A directory that is behind for longer than this is not merely a change on its way.
const BEHIND_MAX: Duration = Duration::from_secs(60);
/// From this share of a limit on it is nearly used up, in percent.
const NEARLY_FULL_PERCENT: u64 = 90;

/// Follows the health of the store. Clones share what they know.
#[derive(Clone)]
pub struct Health {
    client: Client,
    publisher: Publisher,
    directory: Directory,
    keyring: Keyring,
    last: Arc<Mutex<Option<Instant>>>,
    looked: Arc<Mutex<Looked>>,
    provisioned: Option<Provisioned>,
}

/// What the role that creates the streams may ask, and is let by NATS alone.
#[derive(Clone)]
pub(crate) struct Provisioned {
    pub(crate) context: Context,
    /// The names of the streams that have several copies.
    pub(crate) streams: Vec<String>,
}

/// What is looked at now and then.
#[derive(Clone, Debug, Default)]
struct Looked {
    /// What is nearly used up.
    quota: Option<String>,
    /// The streams that lack a copy.
    copies: Copies,
}

/// One thing that must be so for the store to work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it is so.
    pub ok: bool,
    /// What is wrong, if anything is: also what an operator must look at while it is so.
    pub why: Option<String>,
    /// Whether it is a warning where it is not so: the store works, and will not for ever.
    pub is_warning: bool,
}

impl Check {
    fn failing(name: &'static str, problem: Option<String>) -> Self {
        Self { name, ok: problem.is_none(), why: problem, is_warning: false }
    }

    fn warning(name: &'static str, problem: Option<String>) -> Self {
        Self { is_warning: true, ..Self::failing(name, problem) }
    }
}

impl Health {
    /// `provisioned` is there for the role that creates the streams.
    pub(crate) fn new(
        client: Client,
        publisher: Publisher,
        directory: Directory,
        keyring: Keyring,
        provisioned: Option<Provisioned>,
    ) -> Self {
        Self { client, publisher, directory, keyring, last: Arc::default(), looked: Arc::default(), provisioned }
    }

    /// What is so now.
    pub fn checks(&self) -> Vec<Check> {
        let connected = self.client.connection_state() == State::Connected;
        let acked = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = acked.is_some_and(|at| at.elapsed() < CANARY_AGE_MAX);
        let unless = |ok: bool, why: &str| (!ok).then(|| why.to_owned());
        let looked = self.looked().clone();
        let mut checks = vec![
            self.keys(),
            Check::failing("nats", unless(connected, "not connected")),
            Check::failing("directory", self.directory_problem()),
            Check::failing("canary", unless(recent, "no write was acknowledged in the last 15 s")),
            // Others go on.
            Check::warning("writes", self.publisher.counts().stuck().map(stuck)),
        ];
        if self.provisioned.is_some() {
            checks.push(Check::warning("quota", looked.quota));
            checks.push(Check::warning("copies", looked.copies.problem(Instant::now())));
        }
        checks
    }

    fn directory_problem(&self) -> Option<String> {
        if !self.directory.is_loaded() {
            return Some("not loaded yet".to_owned());
        }
        let behind = self.directory.behind_for().filter(|behind| *behind > BEHIND_MAX);
        behind.map(|behind| format!("what is in memory is {} s behind NATS", behind.as_secs()))
    }

    /// Looks at what changes slowly, as far as this role may.
    async fn look(&self, Provisioned { context, streams }: &Provisioned) {
        let copies = self.looked().copies.clone();
        let copies = copies.looked(context, streams).await;
        self.looked().copies = copies;
        if let Ok(account) = context.query_account().await {
            let used = [
                ("file storage", account.storage, account.limits.max_storage),
                ("memory", account.memory, account.limits.max_memory),
            ];
            self.looked().quota = used.into_iter().find_map(|(what, used, limit)| nearly_full(what, used, limit));
        }
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A master key that is missing is a mistake in how this process was started; that one bucket's
    /// key is damaged must not take all others away.
    fn keys(&self) -> Check {
        let name = "keys";
        if !self.keyring.is_loaded() {
            return Check::failing(name, Some("not loaded yet".to_owned()));
        }
        let trouble = self.keyring.trouble();
        match trouble.missing() {
            Some(missing) => Check::failing(name, Some(missing)),
            None => Check { name, ok: true, why: trouble.concerns(), is_warning: false },
        }
    }

    /// Publishes the canary until told to stop.
    pub(crate) async fn run(&self, stop: &Stop) {
        let looks = async {
            let Some(provisioned) = &self.provisioned else { return };
            loop {
                self.look(provisioned).await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::join!(self.publish_canaries(stop), stop.or(looks));
    }

    async fn publish_canaries(&self, stop: &Stop) {
        while !stop.is_given() {
            let canary = Publication {
                what: "publish the canary",
                subject: layout::VOID_SUBJECT.to_owned(),
                id: None,
                headers: &[],
                payload: Bytes::new(),
            };
            match stop.or(self.publisher.publish(&canary, CANARY_WAIT)).await {
                Some(Ok(_)) => *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now()),
                Some(Err(error)) => tracing::debug!(%error, "the canary was not acknowledged"),
                None => return,
            }
            stop.or(tokio::time::sleep(CANARY_EVERY)).await;
        }
    }
}

fn stuck((stream, since): (String, Duration)) -> String {
    format!("the stream of {stream} has taken no write for {} s; is the disk of NATS full?", since.as_secs())
}

/// Says that a limit is nearly used up, where there is one.
fn nearly_full(what: &str, used: u64, limit: Option<i64>) -> Option<String> {
    let limit = u64::try_from(limit?).ok().filter(|limit| *limit > 0)?;
    let percent = u128::from(used) * 100 / u128::from(limit);
    (percent >= u128::from(NEARLY_FULL_PERCENT))
        .then(|| format!("{percent} % of the {what} that NATS grants us is used ({used} of {limit} bytes)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_nearly_used_up_from_ninety_percent_on() {
        for (used, limit) in [(89, Some(100)), (u64::MAX, None), (7, Some(-1)), (7, Some(0))] {
            assert_eq!(nearly_full("memory", used, limit), None, "{used} of {limit:?}");
        }
        let told = nearly_full("memory", 90, Some(100)).unwrap();
        assert!(told.starts_with("90 % of the memory"), "{told}");
        assert!(nearly_full("memory", u64::MAX, Some(i64::MAX)).is_some());
    }
}
