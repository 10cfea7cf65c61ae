//! The logs: a picture of all deliveries, folded from the heads of events and from facts, in SQLite
//! on this process's own disk.
//!
//! The cast:
//!
//! - `row` is a delivery as it stands, and what a fact makes of it; `status` is how it stands;
//!   `attempt` is each try at it.
//! - `table` is how rows lie in SQLite; a file of another version is deleted and filled anew.
//! - `fold` is the one writer. It takes what the store's feed tells, in batches.
//! - `readers` lends connections to whoever reads. `query` reads single rows and pages; `count` counts
//!   them; `ledger` proves that none is lost.
//! - `temporary` is where the file lies that goes with the process.
//! - [`Logs`] is what routes hold: it has the file read, and tells what changes.
//!
//! Nothing of this is needed for correctness: the file can be lost at any time, and several
//! processes each have their own. It holds ids, times, sizes and codes, and nothing that is sealed
//! or that somebody wrote.

pub(crate) mod attempt;
pub(crate) mod count;
mod fold;
pub(crate) mod ledger;
pub(crate) mod query;
mod readers;
pub(crate) mod row;
pub(crate) mod status;
mod table;
mod temporary;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, mem};

use model::{BucketId, EventId, OutputId};
use rusqlite::Connection;
use store::Store;
use store::feed::{self, Feed, Position, Source};
use telemetry::Stop;
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tracing::{info, warn};

use crate::SetupError;
use crate::error::{Cause, Error};
use fold::{Folded, Touched, Writer};
use readers::Readers;
use temporary::Temporary;

/// How many changes a listener may be behind; after more it looks back in the logs for what it missed.
pub(crate) const CHANGES_MAX: usize = 4096;
/// How many messages are folded in one transaction.
const BATCH_MAX: usize = 4000;
/// How long more is waited for once something was told: a transaction writes whole pages, so that a
/// few messages together cost little more than one.
const GATHER_WAIT: Duration = Duration::from_millis(25);
/// How often rows are looked for that nobody may see any more.
const SWEEP_EVERY: Duration = Duration::from_secs(20);
/// How long a reader waits for the picture to be as new as it needs.
const CATCH_UP_WAIT: Duration = Duration::from_secs(5);
/// The wait before a file that could not be written is tried again.
const AGAIN_WAIT: Duration = Duration::from_secs(1);

/// A delivery that changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) bucket: BucketId,
    pub(crate) event: EventId,
    pub(crate) output: OutputId,
    pub(crate) cursor: Cursor,
}

/// How far the events and the facts of a bucket are taken in: the same in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) events: u64,
    pub(crate) facts: u64,
}

/// How far all is taken in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    positions: HashMap<Source, Position>,
    /// The streams of which everything was told that was there when they were first followed.
    caught_up: usize,
    of: usize,
}

/// What is to become of the file when nothing more is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum File {
    Stays,
    BeginsAnew,
}

/// The logs. Clones share them.
#[derive(Clone)]
pub(crate) struct Logs {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    path: PathBuf,
    /// Deletes a file that is not to outlive the process, with what SQLite keeps beside it.
    _temporary: Option<Temporary>,
    readers: Readers,
    /// Whoever reads has found the file damaged.
    damaged: Notify,
    progress: watch::Sender<Progress>,
    changes: broadcast::Sender<Change>,
    stop: Stop,
}

impl Logs {
    /// Logs in this file, or in one that goes with the process. Nothing is read yet.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn open(store: Store, file: Option<PathBuf>, stop: Stop) -> Result<Self, SetupError> {
        let (path, temporary) = match file {
            Some(path) => (path, None),
            None => {
                let dir = Temporary::within(&env::temp_dir())?;
                (dir.path().join("logs.sqlite"), Some(dir))
            }
        };
        table::open(&path)?;
        let of = feed::sources(&store).len();
        let progress = watch::Sender::new(Progress { of, ..Progress::default() });
        let inner = Inner {
            store,
            readers: Readers::new(path.clone()),
            path,
            _temporary: temporary,
            damaged: Notify::new(),
            progress,
            changes: broadcast::Sender::new(CHANGES_MAX),
            stop,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps the logs current until told to stop.
    pub(crate) async fn run(&self) {
        let stop = &self.inner.stop;
        if stop.or(self.inner.store.directory().loaded()).await.is_none() {
            return;
        }
        while !stop.is_given() {
            let file = self.fill().await.unwrap_or_else(|error| {
                warn!(%error, "the logs cannot be written; trying again");
                if table::is_damaged(&error) { File::BeginsAnew } else { File::Stays }
            });
            if file == File::BeginsAnew {
                self.begin_anew();
            }
            stop.or(tokio::time::sleep(AGAIN_WAIT)).await;
        }
    }

    /// Ends once the process is to stop.
    pub(crate) fn stop(&self) -> &Stop {
        &self.inner.stop
    }

    /// What changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes.subscribe()
    }

    /// Whether everything that was there at the start is taken in.
    pub(crate) fn is_whole(&self) -> bool {
        self.inner.progress.borrow().is_whole()
    }

    /// How far a bucket is taken in.
    pub(crate) fn cursor(&self, bucket: BucketId, ephemeral: bool) -> Cursor {
        let (events, facts) = feed::sources_of(&self.inner.store, bucket, ephemeral);
        let progress = self.inner.progress.borrow();
        Cursor { events: progress.sequence(events), facts: progress.sequence(facts) }
    }

    /// Waits until everything that was there at the start is taken in.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it takes longer than a request may.
    pub(crate) async fn whole(&self) -> Result<(), Error> {
        self.until(Progress::is_whole).await
    }

    /// Waits until the events of a bucket are taken in up to this place.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it takes longer than a request may.
    pub(crate) async fn events_until(&self, bucket: BucketId, ephemeral: bool, place: u64) -> Result<(), Error> {
        let (events, _) = feed::sources_of(&self.inner.store, bucket, ephemeral);
        self.until(|progress| progress.sequence(events) >= place).await
    }

    /// Waits until the facts of a bucket are taken in up to this sequence.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it takes longer than a request may.
    pub(crate) async fn facts_until(&self, bucket: BucketId, sequence: u64) -> Result<(), Error> {
        let (_, facts) = feed::sources_of(&self.inner.store, bucket, false);
        self.until(|progress| progress.sequence(facts) >= sequence).await
    }

    async fn until(&self, condition: impl FnMut(&Progress) -> bool) -> Result<(), Error> {
        let mut progress = self.inner.progress.subscribe();
        match tokio::time::timeout(CATCH_UP_WAIT, progress.wait_for(condition)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable(None)),
        }
    }

    /// Ends once something more is taken in than now.
    pub(crate) fn moved(&self) -> impl Future<Output = ()> + use<> {
        let mut progress = self.inner.progress.subscribe();
        // The sender lives as long as we do, so this cannot fail.
        async move { drop(progress.changed().await) }
    }

    /// Reads on a thread that may wait for the disk.
    ///
    /// # Errors
    /// [`Error::Internal`] when SQLite fails.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let outcome = self.inner.readers.read(read).await?;
        outcome.map_err(|error| {
            if table::is_damaged(&error) {
                self.inner.damaged.notify_one();
            }
            Error::Internal(Cause::Logs(error))
        })
    }

    /// Has the file made anew: all that was in it is read again.
    fn begin_anew(&self) {
        info!("the file of the logs is gone or damaged; they begin anew");
        self.inner.readers.begin_anew();
        // At once: readers find one that says nothing yet.
        let path = &self.inner.path;
        if let Err(error) = table::remove(path).and_then(|()| table::open(path)) {
            warn!(%error, "the file of the logs cannot be made anew now");
        }
    }

    /// Follows the streams and folds what they tell, until told to stop or something is wrong.
    async fn fill(&self) -> rusqlite::Result<File> {
        let (path, store) = (self.inner.path.clone(), self.inner.store.clone());
        let Ok(writer) = tokio::task::spawn_blocking(move || Writer::open(&path, store)).await else {
            return Ok(File::Stays);
        };
        let writer = writer?;
        self.inner.progress.send_modify(|progress| {
            progress.positions.clone_from(writer.positions());
            progress.caught_up = 0;
        });
        let (feed, told) = Feed::new(&self.inner.store, writer.positions().clone());
        tokio::select! {
            () = feed.run(&self.inner.stop) => Ok(File::Stays),
            outcome = self.fold(writer, told) => outcome,
        }
    }

    async fn fold(&self, mut writer: Writer, mut told: mpsc::Receiver<feed::Told>) -> rusqlite::Result<File> {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut gathered = Vec::new();
        loop {
            let batch = tokio::select! {
                // Something was appended.
                is_open = gather(&mut told, &mut gathered) => match is_open {
                    true => Some(mem::take(&mut gathered)),
                    false => return Ok(File::Stays),
                },
                // What is damaged where nothing is written.
                () = self.inner.damaged.notified() => return Ok(File::BeginsAnew),
                // Time to look for what has to go.
                _ = sweep.tick() => None,
            };
            let folding = tokio::task::spawn_blocking(move || {
                let folded = match batch {
                    Some(batch) => writer.fold(batch),
                    None => writer.sweep(),
                };
                (writer, folded)
            });
            let Ok((back, folded)) = folding.await else { return Ok(File::Stays) };
            writer = back;
            match folded? {
                Folded::Done { touched, caught_up } => self.say(&writer, touched, caught_up)?,
                Folded::Other => {
                    info!("the streams are others than before; the logs begin anew");
                    return writer.clear().map(|()| File::Stays);
                }
                Folded::Gone => return Ok(File::BeginsAnew),
            }
        }
    }

    fn say(&self, writer: &Writer, touched: Vec<Touched>, caught_up: usize) -> rusqlite::Result<()> {
        self.inner.progress.send_modify(|progress| {
            progress.positions.clone_from(writer.positions());
            progress.caught_up = caught_up;
        });
        // Whoever listens from now on reads what is taken in already.
        if self.inner.changes.receiver_count() > 0 {
            for change in writer.changes(touched)? {
                // Nobody may listen any more.
                let _ = self.inner.changes.send(change);
            }
        }
        Ok(())
    }
}

/// Adds what is told to a batch that may have begun already; a full one is not kept waiting. Whether
/// more can come.
async fn gather(told: &mut mpsc::Receiver<feed::Told>, batch: &mut Vec<feed::Told>) -> bool {
    if batch.is_empty() && told.recv_many(batch, BATCH_MAX).await == 0 {
        return false;
    }
    if batch.len() < BATCH_MAX {
        tokio::time::sleep(GATHER_WAIT).await;
    }
    while batch.len() < BATCH_MAX
        && let Ok(more) = told.try_recv()
    {
        batch.push(more);
    }
    true
}

impl Progress {
    fn is_whole(&self) -> bool {
        self.caught_up >= self.of
    }

    fn sequence(&self, source: Source) -> u64 {
        self.positions.get(&source).map_or(0, |position| position.sequence)
    }
}
