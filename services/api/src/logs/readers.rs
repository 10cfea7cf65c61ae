//! Connections that read the file, lent to whoever asks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::table;
use crate::error::Error;

/// How many reads run side by side: each takes a thread, and they share the disk.
const READERS_MAX: usize = 4;

/// Connections that nobody uses.
type Idle = Mutex<Vec<Connection>>;

/// The readers of the file.
pub(super) struct Readers {
    path: PathBuf,
    turns: Semaphore,
    /// Those of the file that is there now.
    idle: Mutex<Arc<Idle>>,
}

impl Readers {
    /// Readers of the file at this path.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, turns: Semaphore::new(READERS_MAX), idle: Mutex::default() }
    }

    /// Another file is there from now on.
    pub(super) fn begin_anew(&self) {
        *lock(&self.idle) = Arc::default();
    }

    /// Reads on a thread that may wait for the disk.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the process is about to stop; within, what SQLite says.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<rusqlite::Result<T>, Error> {
        let _turn = self.turns.acquire().await.map_err(|_| Error::Unavailable(None))?;
        let (path, idle) = (self.path.clone(), Arc::clone(&lock(&self.idle)));
        let done = tokio::task::spawn_blocking(move || {
            let ready = lock(&idle).pop();
            let connection = match ready {
                Some(connection) => connection,
                None => table::reader(&path)?,
            };
            let outcome = read(&connection);
            if outcome.is_ok() {
                lock(&idle).push(connection);
            }
            outcome
        });
        done.await.map_err(|_| Error::Unavailable(None))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
