//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::{Connection, Key};
use crate::guard::Guard;

/// How long a connection may wait; most servers close theirs after 60 s or more.
pub(crate) const IDLE_TIME_MAX: Duration = Duration::from_secs(50);
/// How many connections to one place wait.
pub(crate) const IDLE_PER_KEY_MAX: usize = 32;
/// How many connections wait in all: well below the usual limit of 1024 open files.
pub(crate) const IDLE_MAX: usize = 256;

/// The waiting connections.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    by_key: HashMap<Key, Vec<(Connection, Instant)>>,
    count: usize,
}

impl Pool {
    /// Takes the connection that was used last, if `guard` still lets its address through.
    pub(crate) fn take(&self, key: &Key, guard: &impl Guard, now: Instant) -> Option<Connection> {
        let mut idle = self.lock();
        loop {
            let (connection, since) = idle.by_key.get_mut(key)?.pop()?;
            idle.count -= 1;
            if now.duration_since(since) < IDLE_TIME_MAX && guard.check_address(connection.peer()).is_ok() {
                return Some(connection);
            }
        }
    }

    /// Gives a connection back; beyond the limits it is closed.
    pub(crate) fn put(&self, key: Key, connection: Connection, now: Instant) {
        let mut idle = self.lock();
        if idle.count >= IDLE_MAX {
            return;
        }
        let waiting = idle.by_key.entry(key).or_default();
        if waiting.len() < IDLE_PER_KEY_MAX {
            waiting.push((connection, now));
            idle.count += 1;
        }
    }

    /// Closes those that have waited too long.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut idle = self.lock();
        for waiting in idle.by_key.values_mut() {
            waiting.retain(|(_, since)| now.duration_since(*since) < IDLE_TIME_MAX);
        }
        idle.by_key.retain(|_, waiting| !waiting.is_empty());
        idle.count = idle.by_key.values().map(Vec::len).sum();
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
