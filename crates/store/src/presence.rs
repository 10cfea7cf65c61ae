//! Who is there now: dispatchers, the sessions that they have, and how their cursors stand.
//!
//! Each dispatcher says it every few seconds, in pages, to a key-value bucket in memory whose
//! entries vanish when they are not said again. Nothing here is needed for correctness: who reads
//! it shows it to people, or decides which of several dispatchers does what any of them could do.
//!
//! `cursor` is what is said of cursors.

mod cursor;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{self, Entry, Operation};
use bytes::Bytes;
use crypto::seal::Kind;
use futures_util::StreamExt;
use model::{AccountId, DispatcherId, SessionId, TokenId, UnixMs};
use serde::{Deserialize, Serialize};
use telemetry::Stop;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use crate::Error;
use crate::clock::Clock;
use crate::keyring::{Keyring, Scope};
use crate::layout;
use crate::watching;

pub use cursor::{CursorSeen, Place};

/// How often a dispatcher says that it is there.
pub const SAY_EVERY: Duration = Duration::from_secs(3);
/// A dispatcher that said nothing for so long is taken for gone.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How often it is looked who has fallen silent.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Who was silent for so long is forgotten.
const SILENT_FORGET: Duration = Duration::from_secs(600);
/// The most sessions or cursors on one page: far below the size limit of a message.
pub const PAGE_ENTRIES_MAX: usize = 500;

/// Presence. Clones share what they know.
#[derive(Clone)]
pub struct Presence {
    context: Context,
    keyring: Keyring,
    seen: Arc<Mutex<HashMap<(DispatcherId, usize), Seen>>>,
    changed: watch::Sender<u64>,
    /// When each dispatcher was last heard that said no farewell.
    heard: Arc<Mutex<HashMap<DispatcherId, Instant>>>,
    silent: watch::Sender<Silent>,
    /// Hears from NATS what time it is, by what this process says itself.
    clock: Clock,
    own: Arc<OnceLock<DispatcherId>>,
}

/// Dispatchers that said nothing for [`SILENCE_MAX`], and no farewell.
pub type Silent = Arc<HashSet<DispatcherId>>;

struct Seen {
    at: Instant,
    /// When NATS got it, by its own clock: what a process finds when it starts may be old.
    created: UnixMs,
    page: Arc<Page>,
}

/// A part of what one dispatcher says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Sessions.
    #[serde(default)]
    pub sessions: Vec<SessionSeen>,
    /// Cursors.
    #[serde(default)]
    pub cursors: Vec<CursorSeen>,
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSeen {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// The token that it was opened with.
    pub token: TokenId,
    /// `agent` or `socket`.
    pub kind: String,
    /// The version of the client's program, as it says.
    pub version: String,
    /// The client's address, without the port.
    pub peer: String,
    /// The names of the buckets that it is subscribed to.
    pub buckets: Vec<String>,
    /// The name of its group.
    pub group: String,
    /// When it was opened.
    pub since: UnixMs,
}

impl Presence {
    pub(crate) fn new(context: Context, keyring: Keyring, clock: Clock) -> Self {
        let (changed, silent) = (watch::Sender::new(0), watch::Sender::new(Silent::default()));
        let (seen, heard, own) = (Arc::default(), Arc::default(), Arc::default());
        Self { context, keyring, seen, changed, heard, silent, clock, own }
    }

    /// The dispatcher of this process, once it has said that it is there.
    pub fn own(&self) -> Option<DispatcherId> {
        self.own.get().copied()
    }

    /// Says that a dispatcher is there, with page number `number` of what it has. Page 0 is said
    /// always, even when it is empty; pages that are not said again are forgotten.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn say(&self, dispatcher: DispatcherId, number: usize, page: &Page) -> Result<(), Error> {
        self.own.get_or_init(|| dispatcher);
        let key = key_of(dispatcher, number);
        let json = serde_json::to_vec(page).map_err(|e| Error::unreadable(&key, e))?;
        let sealed = self.keyring.seal(Scope::System, Kind::Message, key.as_bytes(), &json)?;
        self.kv().await?.put(&key, sealed).await.map(|_| ()).map_err(|e| Error::unavailable("say who is here", e))
    }

    /// Says that a dispatcher is going, with the numbers of the pages that it had.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; then it is taken for gone after [`SILENCE_MAX`].
    pub async fn say_gone(
        &self,
        dispatcher: DispatcherId,
        pages: impl IntoIterator<Item = usize>,
    ) -> Result<(), Error> {
        let kv = self.kv().await?;
        for number in pages {
            kv.purge(key_of(dispatcher, number)).await.map_err(|e| Error::unavailable("say who is gone", e))?;
        }
        Ok(())
    }

    /// The dispatchers that are there, in no order.
    pub fn dispatchers(&self) -> Vec<DispatcherId> {
        let mut seen = self.seen();
        forget_old(&mut seen);
        seen.keys().filter(|(_, number)| *number == 0).map(|(dispatcher, _)| *dispatcher).collect()
    }

    /// What all dispatchers that are there say, in no order.
    pub fn pages(&self) -> Vec<Arc<Page>> {
        let mut seen = self.seen();
        forget_old(&mut seen);
        seen.values().map(|seen| Arc::clone(&seen.page)).collect()
    }

    /// How each cursor stands, by what all dispatchers that work with it say.
    pub fn cursors(&self) -> HashMap<Place, CursorSeen> {
        cursor::together(self.pages().iter().flat_map(|page| &page.cursors))
    }

    /// Changes with each thing that is said. Silence does not change it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Who is silent. Changes when one falls silent, or is heard again.
    pub fn silent(&self) -> watch::Receiver<Silent> {
        self.silent.subscribe()
    }

    /// Whether others may take this process for gone: nothing that it says has come back to it for so long.
    pub fn is_unheard(&self) -> bool {
        self.own().is_some_and(|own| lock(&self.heard).get(&own).is_some_and(|at| at.elapsed() >= SILENCE_MAX))
    }

    /// Follows what is said until told to stop.
    pub(crate) async fn run(&self, stop: &Stop) {
        let look = async {
            while stop.or(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
                self.look_who_is_silent();
            }
        };
        tokio::join!(watching::keep(stop, "the watch of who is here", || self.follow()), look);
    }

    fn look_who_is_silent(&self) {
        let mut heard = lock(&self.heard);
        heard.retain(|_, at| at.elapsed() < SILENT_FORGET);
        let Some(silent) = silent(&heard, self.own()) else { return };
        drop(heard);
        self.silent.send_if_modified(|before| {
            let is_other = **before != silent;
            if is_other {
                *before = Arc::new(silent);
            }
            is_other
        });
    }

    async fn follow(&self) -> Result<(), Error> {
        let what = "watch who is here";
        let kv = self.kv().await?;
        let mut entries = kv.watch_many_with_history([">"]).await.map_err(|e| Error::unavailable(what, e))?;
        while let Some(entry) = entries.next().await {
            self.apply(entry.map_err(|e| Error::unavailable(what, e))?).await;
        }
        Ok(())
    }

    async fn apply(&self, entry: Entry) {
        let Some(key) = parse(&entry.key) else { return };
        let created = UnixMs::from(SystemTime::from(entry.created));
        if self.own.get() == Some(&key.0) {
            // It was said this moment. Where it comes late, the clock is behind, and nothing is
            // taken for too old.
            self.clock.hear(created);
        }
        match entry.operation {
            Operation::Put => match self.open(&entry.key, entry.value).await {
                Ok(page) => {
                    let seen = Seen { at: Instant::now(), created, page: Arc::new(page) };
                    drop(self.seen().insert(key, seen));
                    lock(&self.heard).insert(key.0, Instant::now());
                }
                Err(error) => warn!(%error, "what a dispatcher says cannot be read"),
            },
            Operation::Delete | Operation::Purge => {
                drop(self.seen().remove(&key));
                if key.1 == 0 {
                    lock(&self.heard).remove(&key.0);
                }
            }
        }
        self.changed.send_modify(|n| *n += 1);
    }

    async fn open(&self, key: &str, sealed: Bytes) -> Result<Page, Error> {
        let json = self.keyring.open(Scope::System, Kind::Message, key.as_bytes(), sealed).await?;
        serde_json::from_slice(&json).map_err(|e| Error::unreadable(key, e))
    }

    /// Opened at each use: the bucket is in memory, and is made again with NATS.
    async fn kv(&self) -> Result<kv::Store, Error> {
        let opened = self.context.get_key_value(layout::PRESENCE).await;
        opened.map_err(|e| Error::unavailable("open presence", e))
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<(DispatcherId, usize), Seen>> {
        lock(&self.seen)
    }
}

/// Who is silent; `None` where that cannot be told, because not even this process itself is heard.
fn silent(heard: &HashMap<DispatcherId, Instant>, own: Option<DispatcherId>) -> Option<HashSet<DispatcherId>> {
    let is_silent = |dispatcher| heard.get(dispatcher).is_some_and(|at| at.elapsed() >= SILENCE_MAX);
    if own.as_ref().is_some_and(is_silent) {
        return None;
    }
    Some(heard.keys().filter(|dispatcher| is_silent(dispatcher)).copied().collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forgets what was not said again, also before this process could hear it: next to what was said last
/// it is old.
fn forget_old(seen: &mut HashMap<(DispatcherId, usize), Seen>) {
    let newest = seen.values().map(|seen| seen.created).max().unwrap_or(UnixMs(0));
    seen.retain(|_, seen| seen.at.elapsed() < SILENCE_MAX && newest.since(seen.created) < SILENCE_MAX);
}

fn key_of(dispatcher: DispatcherId, number: usize) -> String {
    format!("{}.{number}", dispatcher.0.simple())
}

fn parse(key: &str) -> Option<(DispatcherId, usize)> {
    let (dispatcher, number) = key.split_once('.')?;
    Some((DispatcherId(Uuid::try_parse(dispatcher).ok()?), number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_silent_to_one_that_does_not_hear_itself() {
        tokio::time::advance(Duration::from_secs(60)).await;
        let ago = |seconds| Instant::now() - Duration::from_secs(seconds);
        let [own, other] = [1, 2].map(|n| DispatcherId(Uuid::from_u128(n)));
        let silent = |own_at, other_at| silent(&[(own, ago(own_at)), (other, ago(other_at))].into(), Some(own));
        assert_eq!(silent(9, 10), Some([other].into()));
        assert_eq!(silent(9, 9), Some(HashSet::new()));
        assert_eq!(silent(10, 10), None);
    }

    #[test]
    fn what_was_said_long_before_the_rest_is_forgotten_by_who_hears_it_now() {
        let said = |number, seconds: u64| {
            let created = UnixMs(1_700_000_000_000 + seconds * 1000);
            let seen = Seen { at: Instant::now(), created, page: Arc::default() };
            ((DispatcherId(Uuid::from_u128(number)), 0), seen)
        };
        let mut seen: HashMap<_, _> = [said(1, 0), said(2, 9), said(3, 11)].into();
        forget_old(&mut seen);
        let mut left: Vec<_> = seen.keys().map(|(dispatcher, _)| dispatcher.0.as_u128()).collect();
        left.sort_unstable();
        assert_eq!(left, [2, 3], "one may be a few seconds silent");
    }
}
