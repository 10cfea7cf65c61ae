//! Accounts and tokens: the only service that reads hashes and signs session tokens.
//!
//! The cast:
//!
//! - [`Auth`] is the service: it answers the questions of [`store::verification`] until told to
//!   stop. Any number of copies share them.
//! - `service` is what it does with each question.
//! - `verify` checks a secret: what was checked a moment ago is in `memory`, the same secret is
//!   checked once at a time (`flight`), a key that fails too often is turned away (`failures`), and
//!   bcrypt runs within a `budget`.
//! - `signer` makes the key that signs session tokens, once for all copies, and publishes its half.
//! - [`admin`] makes the first account and its token.
//!
//! What is remembered is a cache: a copy that lost it runs bcrypt again. A token is revoked by
//! removing its record from the directory, which every service watches; nothing here has to be told.

pub mod admin;

mod service;

mod verify;

mod memory;

mod flight;

mod failures;

mod budget;

mod signer;

mod error;

#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crypto::session::Signer;
use prometheus_client::registry::Registry;
use store::Store;
use telemetry::Stop;
use tracing::warn;

pub use error::Error;

use service::Service;
use verify::Verifier;

/// How long a session token is good for unless told otherwise: the longest that a revocation goes
/// unnoticed by a service that cannot see the directory.
pub const SESSION_LIFETIME_DEFAULT: Duration = Duration::from_secs(600);

/// The wait before something that failed is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// The settings of [`Auth`].
#[derive(Clone, Debug)]
pub struct Config {
    /// How many secrets are hashed at once.
    pub workers: NonZeroUsize,
    /// How long a session token is good for.
    pub session_lifetime: Duration,
}

impl Default for Config {
    /// All cores but one, which is left to everything else in the process.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            workers: NonZeroUsize::new(cores - 1).unwrap_or(NonZeroUsize::MIN),
            session_lifetime: SESSION_LIFETIME_DEFAULT,
        }
    }
}

/// The service that answers questions about credentials.
pub struct Auth {
    store: Store,
    verifier: Arc<Verifier>,
    session_lifetime: Duration,
}

impl Auth {
    /// Makes the service; it answers nothing until [`Auth::run`].
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(store: Store, config: &Config) -> Result<Self, Error> {
        let verifier = Arc::new(Verifier::new(store.clone(), config.workers)?);
        Ok(Self { store, verifier, session_lifetime: config.session_lifetime })
    }

    /// Shows what is counted.
    pub fn register(&self, registry: &mut Registry) {
        self.verifier.budget().register(registry);
    }

    /// Answers questions until told to stop, through every failure of the store, and finishes those
    /// that were asked before. It begins once the directory was loaded: earlier, every token would
    /// seem unknown.
    pub async fn run(&self, stop: &Stop) {
        while !stop.is_given() {
            if let Err(error) = self.try_once(stop).await {
                warn!(error = &error as &dyn StdError, "credentials cannot be verified; trying again");
            }
            stop.or(tokio::time::sleep(RETRY_WAIT)).await;
        }
    }

    async fn try_once(&self, stop: &Stop) -> Result<(), Error> {
        let Some(signer) = stop.or(Box::pin(self.prepare())).await else {
            return Ok(());
        };
        let service = Arc::new(Service {
            store: self.store.clone(),
            verifier: Arc::clone(&self.verifier),
            signer: signer?,
            session_lifetime: self.session_lifetime,
        });
        let answer = move |question| {
            let service = Arc::clone(&service);
            async move { service.answer(question).await }
        };
        self.store.verification().serve(answer, stop).await?;
        Ok(())
    }

    async fn prepare(&self) -> Result<Signer, Error> {
        self.store.directory().loaded().await;
        signer::obtain(&self.store).await
    }
}
