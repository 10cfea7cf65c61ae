//! The REST API, version 1: an account's buckets with their inputs and outputs, and its tokens.
//!
//! The cast:
//!
//! - [`router`] lists every route; `routes` does what they say.
//! - `auth` says who asks, `own` what there is for that caller, `error` what a refusal looks like.
//! - `shape` is JSON in and out; `request` reads the rest of a request.
//! - `write` makes, changes and deletes records; `name` keeps their names apart.
//! - `openapi` describes it all to machines.
//! - `cron` sends the webhooks that are due by the clock.
//! - [`limits`] is how much of anything there may be.
//!
//! It keeps nothing of its own but verified secrets, for a minute: the directory has it all, and any
//! number of processes serve the API side by side.

mod auth;
mod cron;
mod error;
pub mod limits;
mod name;
mod openapi;
mod own;
mod request;
mod routes;
mod settle;
mod shape;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use store::Store;
use store::directory::Directory;
use telemetry::Stop;
use tokio::sync::Semaphore;

use auth::Gate;
pub use routes::router;

/// What the API has to be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address that callers of webhooks know this relay by, such as `https://relay.example.com`.
    pub public_url: String,
}

/// The API. Clones share it.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    gate: Gate,
    public_url: String,
    hashing: Semaphore,
}

impl Api {
    /// An API on this store.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(store: Store, config: Config) -> Result<Self, crypto::Error> {
        let public_url = config.public_url.trim_end_matches('/').to_owned();
        let (gate, hashing) = (Gate::new()?, Semaphore::new(limits::HASHES_MAX));
        Ok(Self { inner: Arc::new(Inner { store, gate, public_url, hashing }) })
    }

    /// Sends the webhooks that are due by the clock, until told to stop. Several may do so side by side.
    pub async fn run(&self, stop: &Stop) {
        cron::run(self.store(), stop).await;
    }

    fn store(&self) -> &Store {
        &self.inner.store
    }

    fn directory(&self) -> &Directory {
        self.inner.store.directory()
    }

    fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    /// Whose turn it is to spend processor time on bcrypt.
    fn hashing(&self) -> &Semaphore {
        &self.inner.hashing
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
