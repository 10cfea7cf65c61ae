//! Whether the process can do its work, for load balancers and people.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::Serialize;
use store::Health;
use tokio::sync::watch;

use crate::options::{Durability, Roles};

mod space;

/// What `GET /readyz` says. Clones share it.
#[derive(Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

struct Shared {
    roles: Roles,
    durability: Option<Durability>,
    store_dir: Option<PathBuf>,
    /// Known once the store was opened.
    health: OnceLock<Health>,
    /// What is wrong with the disk of a NATS of our own.
    disk: OnceLock<watch::Receiver<Option<String>>>,
    /// Why it could not be opened the last time.
    failure: Mutex<Option<Check>>,
    stopping: AtomicBool,
}

/// The answer, as JSON.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether every check is passed.
    pub ready: bool,
    /// Each with its name, and why not.
    pub checks: Vec<Check>,
    /// When an accepted webhook is on disk: `always` (before the answer), `fast` (within two
    /// minutes), or `unknown` (the operator of the NATS servers has not said).
    pub durability: String,
    /// What this process does.
    pub roles: String,
    /// The version of the program.
    pub version: &'static str,
}

/// One thing that must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it is so.
    pub ok: bool,
    /// What is wrong, if anything is: also what an operator must look at while it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether the process is ready all the same: were every one of them taken away for it, callers
    /// would be refused before anything is broken.
    #[serde(skip_serializing_if = "is_not")]
    pub warning: bool,
}

impl Check {
    fn failed(name: &'static str, why: &str) -> Self {
        Self { name, ok: false, why: Some(why.to_owned()), warning: false }
    }
}

fn is_not(value: &bool) -> bool {
    !value
}

impl Shared {
    fn failure(&self) -> Option<Check> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn chain(error: &store::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Readiness {
    /// Of a process that has just begun; `store_dir` is a directory on the disk of its own NATS.
    pub fn new(roles: Roles, durability: Option<Durability>, store_dir: Option<PathBuf>) -> Self {
        let shared = Shared {
            roles,
            durability,
            store_dir,
            health: OnceLock::new(),
            disk: OnceLock::new(),
            failure: Mutex::default(),
            stopping: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The store was opened. Said once; later ones change nothing.
    pub fn store_opened(&self, health: Health) {
        let _ = self.shared.health.set(health);
    }

    /// Our own NATS was started; this says what is wrong with its disk. Said once.
    pub fn broker_started(&self, disk: watch::Receiver<Option<String>>) {
        let _ = self.shared.disk.set(disk);
    }

    /// The store could not be opened; it is tried again.
    pub fn store_failed(&self, error: &store::Error) {
        let check = match error {
            store::Error::Sealed { .. } | store::Error::NoKey { .. } | store::Error::KeyringLost => {
                Some(Check::failed("keys", &chain(error)))
            }
            store::Error::OtherShards { .. } => Some(Check::failed("shards", &chain(error))),
            // What the network says is for the log; this is read by strangers too.
            store::Error::Unavailable { .. }
            | store::Error::Conflict
            | store::Error::Exists
            | store::Error::Unreadable { .. } => None,
        };
        *self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = check;
    }

    /// The process was told to stop: nothing new should be sent to it.
    pub fn stopping(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }

    /// What is so now.
    pub fn report(&self) -> Report {
        let mut checks: Vec<Check> = match self.shared.health.get() {
            Some(health) => health
                .checks()
                .into_iter()
                .map(|check| Check { name: check.name, ok: check.ok, why: check.why, warning: check.is_warning })
                .collect(),
            None => {
                let failure = self.shared.failure();
                vec![failure.unwrap_or_else(|| Check::failed("nats", "the store is not open yet"))]
            }
        };
        if let Some(disk) = self.shared.disk.get() {
            let why = disk.borrow().clone();
            checks.push(Check { name: "disk", ok: why.is_none(), why, warning: false });
        }
        if self.shared.stopping.load(Ordering::Relaxed) {
            checks.push(Check::failed("stop", "the process is stopping"));
        }
        checks.extend(self.shared.store_dir.as_deref().map(space::check));
        Report {
            ready: checks.iter().all(|check| check.ok || check.warning),
            checks,
            durability: self.shared.durability.map_or_else(|| "unknown".to_owned(), |known| known.to_string()),
            roles: self.shared.roles.to_string(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
