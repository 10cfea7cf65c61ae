//! The REST API, version 1: an account's buckets with their inputs and outputs, and its tokens.
//!
//! The cast:
//!
//! - [`router`] lists every route; `routes` does what they say.
//! - `auth` says who asks, `own` what there is for that caller, `error` what a refusal looks like.
//! - `shape` is JSON in and out; `request` reads the rest of a request.
//! - `write` makes, changes and deletes records; `name` keeps their names apart.
//! - `logs` is a picture of what happened to webhooks; `show` opens what a log shows.
//! - `answer` is an answer that shows bodies, within the memory that all of them may take.
//! - `resend` sends a delivery again; `replay` does it for many.
//! - `openapi` describes it all to machines.
//! - `cron` sends the webhooks that are due by the clock, `canary` those that only show whether the way
//!   is open; `emit` appends both.
//! - [`limits`] is how much of anything there may be.
//!
//! It keeps nothing of its own but verified secrets, for a minute, and the picture of the logs, which
//! is made anew when it is lost: any number of processes serve the API side by side.

mod answer;
mod auth;
mod canary;
mod cron;
mod emit;
mod error;
pub mod limits;
mod logs;
mod name;
mod openapi;
mod own;
mod replay;
mod request;
mod resend;
mod routes;
mod shape;
mod show;
#[cfg(test)]
mod tests;
mod when;
mod write;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use store::Store;
use store::directory::Directory;
use telemetry::Stop;
use tokio::sync::Semaphore;

use answer::Answers;
use auth::{Caller, Gate};
use logs::Logs;
use replay::Replays;
pub use routes::router;

/// What the API has to be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address that callers of webhooks know this relay by, such as `https://relay.example.com`.
    pub public_url: String,
    /// Where its picture of the logs lies. It may be deleted at any time; without a place it is made
    /// anew with each process.
    pub logs_file: Option<PathBuf>,
}

/// Why the API cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The operating system gives no random bytes.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
    /// No file can be made for the logs.
    #[error("make a file for the logs")]
    File(#[from] std::io::Error),
    /// The file of the logs can be neither read nor made anew.
    #[error("open the file of the logs")]
    Logs(#[from] rusqlite::Error),
}

/// The API. Clones share it.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    gate: Gate,
    logs: Logs,
    replays: Replays,
    public_url: String,
    /// What describes the API, made once: anybody may ask for it as often as they like.
    description: Bytes,
    hashing: Semaphore,
    answers: Answers,
}

impl Api {
    /// An API on this store. Its logs are current while [`Api::run`] runs.
    ///
    /// # Errors
    /// As [`SetupError`] says.
    pub fn new(store: Store, config: Config, stop: Stop) -> Result<Self, SetupError> {
        let public_url = config.public_url.trim_end_matches('/').to_owned();
        let (gate, hashing) = (Gate::new()?, Semaphore::new(limits::HASHES_MAX));
        let logs = Logs::open(store.clone(), config.logs_file, stop)?;
        let (replays, description) = (Replays::new(), Bytes::from(openapi::document().to_string()));
        let answers = Answers::new();
        let inner = Inner { store, gate, logs, replays, public_url, description, hashing, answers };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps the logs current, sends again what is to be sent again, and sends the webhooks that are
    /// due by the clock, until told to stop. Several may do so side by side.
    pub async fn run(&self) {
        let stop = self.logs().stop();
        tokio::join!(
            self.logs().run(),
            self.replays().run(self, stop),
            cron::run(self.store(), stop),
            canary::run(self.store(), stop)
        );
    }

    fn description(&self) -> Bytes {
        self.inner.description.clone()
    }

    fn replays(&self) -> &Replays {
        &self.inner.replays
    }

    fn logs(&self) -> &Logs {
        &self.inner.logs
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn directory(&self) -> &Directory {
        self.inner.store.directory()
    }

    /// The directory, to change it in this caller's name.
    fn by(&self, caller: &Caller) -> Directory {
        self.directory().by(Some(caller.actor()))
    }

    fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    /// Whose turn it is to spend processor time on bcrypt.
    fn hashing(&self) -> &Semaphore {
        &self.inner.hashing
    }

    /// Where answers that show bodies have their room.
    fn answers(&self) -> &Answers {
        &self.inner.answers
    }

    /// The host in the address that callers know, without port; empty if it has none.
    fn public_host(&self) -> &str {
        let url = self.public_url();
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    fn public_url(&self) -> &str {
        &self.inner.public_url
    }
}
