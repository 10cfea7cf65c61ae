//! Whether the store can take a webhook now: asked by publishing one that nobody reads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use bytes::Bytes;
use telemetry::Stop;
use tokio::time::Instant;

use crate::directory::Directory;
use crate::keyring::Keyring;
use crate::layout;
use crate::publish::{Publication, Publisher};

/// How often the canary is published.
const CANARY_EVERY: Duration = Duration::from_secs(2);
/// How long its acknowledgement is waited for.
const CANARY_WAIT: Duration = Duration::from_secs(2);
/// An acknowledgement older than this says nothing about now.
const CANARY_AGE_MAX: Duration = Duration::from_secs(15);

/// Follows the health of the store. Clones share what they know.
#[derive(Clone)]
pub struct Health {
    client: Client,
    publisher: Publisher,
    directory: Directory,
    keyring: Keyring,
    last: Arc<Mutex<Option<Instant>>>,
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
}

impl Health {
    pub(crate) fn new(client: Client, publisher: Publisher, directory: Directory, keyring: Keyring) -> Self {
        Self { client, publisher, directory, keyring, last: Arc::default() }
    }

    /// What is so now.
    pub fn checks(&self) -> Vec<Check> {
        let connected = self.client.connection_state() == State::Connected;
        let acked = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = acked.is_some_and(|at| at.elapsed() < CANARY_AGE_MAX);
        let check = |name, ok: bool, why: &str| Check { name, ok, why: (!ok).then(|| why.to_owned()) };
        vec![
            self.keys(),
            check("nats", connected, "not connected"),
            check("directory", self.directory.is_loaded(), "not loaded yet"),
            check("canary", recent, "no write was acknowledged in the last 15 s"),
        ]
    }

    /// A master key that is missing is a mistake in how this process was started; that one bucket's
    /// key is damaged must not take all others away.
    fn keys(&self) -> Check {
        let name = "keys";
        if !self.keyring.is_loaded() {
            return Check { name, ok: false, why: Some("not loaded yet".to_owned()) };
        }
        let trouble = self.keyring.trouble();
        match trouble.missing() {
            Some(missing) => Check { name, ok: false, why: Some(missing) },
            None => Check { name, ok: true, why: trouble.concerns() },
        }
    }

    /// Publishes the canary until told to stop.
    pub(crate) async fn run(&self, stop: &Stop) {
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
