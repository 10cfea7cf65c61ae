//! The data keys of buckets, in memory, unwrapped as they come.
//!
//! The cast:
//!
//! - [`Keyring`] seals and opens, and makes and destroys keys.
//! - `watch` follows what is stored, so that every process has a new key, and has lost a destroyed
//!   one, a moment later.
//! - [`trouble`] is what is stored and cannot be unwrapped here.
//! - [`tend`] gives buckets new keys in time and destroys those that nothing needs any more.
//! - `erase` overwrites on disk what was destroyed or wrapped anew.
//! - [`custody`] is an operator's look at all keys, and wraps them anew under another master key.

pub mod custody;
mod erase;
pub mod tend;
pub mod trouble;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use async_nats::jetstream::kv;
use bytes::Bytes;
use crypto::key::{DataKey, MasterKeyId, MasterKeys, WrappedKey};
use crypto::seal::{self, Context};
use futures_util::TryStreamExt;
use model::{BucketId, UnixMs};
use tokio::sync::watch as watched;
use uuid::Uuid;

use crate::Error;
use trouble::Trouble;

/// The epoch of a scope's first key.
const EPOCH_FIRST: u32 = 1;
/// How many epochs beyond the newest that is known an envelope may be of and still be one whose key
/// is only on its way. A number that is further away was never given.
const EPOCHS_AHEAD_MAX: u32 = 2;
/// How often a key that may be on its way is looked for: a follower of a replicated keyring may show
/// it a moment later.
const FETCH_TRIES: u32 = 20;
/// The wait between two looks.
const FETCH_WAIT: Duration = Duration::from_millis(100);

/// Whose data key something is sealed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// What belongs to no bucket: accounts, tokens, the signing key.
    System,
    /// A bucket, its inputs and outputs, its events.
    Bucket(BucketId),
    /// Webhooks for inputs that do not exist; nobody ever opens them.
    Void,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Bucket(id) => write!(f, "{}", id.0.simple()),
            Self::Void => f.write_str("void"),
        }
    }
}

/// Not the name of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither system, void nor the id of a bucket")]
pub struct NoScope;

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        match text {
            "system" => Ok(Self::System),
            "void" => Ok(Self::Void),
            id => Uuid::try_parse(id).map(|id| Self::Bucket(BucketId(id))).map_err(|_| NoScope),
        }
    }
}

/// Which data key: `<scope>.<epoch>`, the name that it is stored under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName {
    /// Whose it is.
    pub scope: Scope,
    /// Of which epoch; the highest one of a scope seals.
    pub epoch: u32,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.scope, self.epoch)
    }
}

impl FromStr for KeyName {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        let (scope, epoch) = text.split_once('.').ok_or(NoScope)?;
        Ok(Self { scope: scope.parse()?, epoch: epoch.parse().map_err(|_| NoScope)? })
    }
}

/// The data keys, by scope and epoch. Clones share them.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Inner>,
}

struct Inner {
    masters: MasterKeys,
    kv: kv::Store,
    keys: RwLock<HashMap<Scope, Epochs>>,
    trouble: Trouble,
    /// Whether everything that is stored was looked at once.
    loaded: watched::Sender<bool>,
    /// Counts how often a key could be unwrapped that could not be before.
    mended: watched::Sender<u64>,
}

/// The keys of a scope, by epoch.
type Epochs = BTreeMap<u32, Held>;

/// A key in memory.
#[derive(Clone)]
struct Held {
    key: Arc<DataKey>,
    /// When it was stored, or wrapped anew.
    since: UnixMs,
}

impl Keyring {
    pub(crate) fn new(masters: MasterKeys, kv: kv::Store) -> Self {
        let trouble = Trouble::new(masters.ids().collect());
        let (loaded, mended) = (watched::Sender::new(false), watched::Sender::new(0));
        Self { inner: Arc::new(Inner { masters, kv, keys: RwLock::default(), trouble, loaded, mended }) }
    }

    /// The id of the master key under which this process wraps new data keys.
    pub fn wraps_under(&self) -> MasterKeyId {
        self.inner.masters.active_id()
    }

    /// What is stored and cannot be unwrapped here.
    pub fn trouble(&self) -> &Trouble {
        &self.inner.trouble
    }

    /// Whether everything that is stored was looked at once.
    pub fn is_loaded(&self) -> bool {
        *self.inner.loaded.borrow()
    }

    /// Waits until everything that is stored was looked at once.
    pub(crate) async fn loaded(&self) {
        // The sender lives as long as we do, so this cannot fail.
        let _ = self.inner.loaded.subscribe().wait_for(|loaded| *loaded).await;
    }

    /// Changes each time a key can be unwrapped that could not be before.
    pub(crate) fn mended(&self) -> watched::Receiver<u64> {
        self.inner.mended.subscribe()
    }

    /// Makes the first data key of a scope, unless it has one.
    ///
    /// # Errors
    /// When the store is not available, or the key that is there cannot be unwrapped with the
    /// master keys of this process: it is left as it is.
    pub async fn ensure(&self, scope: Scope) -> Result<(), Error> {
        if self.newest(scope).is_some() {
            return Ok(());
        }
        let first = KeyName { scope, epoch: EPOCH_FIRST };
        self.make(first).await?;
        self.fetch_made(first).await.map(|_| ())
    }

    /// Gives a scope another data key, under which everything is sealed from now on; what was sealed
    /// before still opens. Of several who do so at once one succeeds, and its key is everybody's.
    /// Returns the new epoch.
    ///
    /// # Errors
    /// [`Error::NoKey`] when the scope has none; when the store is not available.
    pub async fn renew(&self, scope: Scope) -> Result<u32, Error> {
        let (epoch, _) = self.newest(scope).ok_or_else(|| Error::NoKey { scope: scope.to_string() })?;
        let next = KeyName { scope, epoch: epoch.saturating_add(1) };
        self.make(next).await?;
        self.fetch_made(next).await?;
        Ok(next.epoch)
    }

    /// Destroys every key of a scope: nothing sealed under them can be opened again by anyone. Every
    /// process drops them when it sees the mark; `erase` then overwrites them on disk.
    ///
    /// # Errors
    /// When the store is not available; then some keys may be left.
    pub async fn destroy(&self, scope: Scope) -> Result<(), Error> {
        for name in self.stored(scope).await? {
            self.destroy_one(name).await?;
        }
        self.forget(scope);
        Ok(())
    }

    /// The names under which the stream has something of a scope, be it a mark. Memory may not have
    /// heard of a key that was made a moment ago, and has none that cannot be unwrapped.
    async fn stored(&self, scope: Scope) -> Result<Vec<KeyName>, Error> {
        let what = "look for the data keys of a bucket";
        let kv = &self.inner.kv;
        let subjects = kv.stream.info_with_subjects(format!("{}{scope}.*", kv.prefix)).await;
        let subjects = subjects.map_err(|e| Error::unavailable(what, e))?;
        let subjects: Vec<_> = subjects.try_collect().await.map_err(|e| Error::unavailable(what, e))?;
        let names = subjects.iter().filter_map(|(subject, _)| subject.strip_prefix(&kv.prefix)?.parse().ok());
        Ok(names.collect())
    }

    /// Marks one key as destroyed. It is no purge: the wrapped key stays in the stream for `erase`,
    /// which can only overwrite what is still there.
    async fn destroy_one(&self, name: KeyName) -> Result<(), Error> {
        let marked = self.inner.kv.delete(name.to_string()).await;
        marked.map(|_| ()).map_err(|e| Error::unavailable("destroy a data key", e))
    }

    /// Seals under the newest key of the scope.
    ///
    /// # Errors
    /// [`Error::NoKey`] when the scope has none.
    pub fn seal(&self, scope: Scope, kind: seal::Kind, subject: &[u8], plaintext: &[u8]) -> Result<Bytes, Error> {
        self.seal_part(scope, &Context::whole(kind, &scope.to_string(), subject), plaintext)
    }

    pub(crate) fn seal_part(&self, scope: Scope, context: &Context<'_>, plaintext: &[u8]) -> Result<Bytes, Error> {
        let (epoch, key) = self.newest(scope).ok_or_else(|| Error::NoKey { scope: scope.to_string() })?;
        seal::seal(&key, epoch, context, plaintext).map(Bytes::from).map_err(|e| Error::sealed("a value", e))
    }

    /// Opens what was sealed under any key of the scope; a key that has not reached this process
    /// yet is fetched.
    ///
    /// # Errors
    /// [`Error::Sealed`] when it was changed, or belongs elsewhere; [`Error::NoKey`] when its key
    /// is gone.
    pub async fn open(&self, scope: Scope, kind: seal::Kind, subject: &[u8], sealed: Bytes) -> Result<Bytes, Error> {
        self.open_part(scope, &Context::whole(kind, &scope.to_string(), subject), sealed).await
    }

    pub(crate) async fn open_part(&self, scope: Scope, context: &Context<'_>, sealed: Bytes) -> Result<Bytes, Error> {
        let epoch = seal::epoch_of(&sealed).map_err(|e| Error::sealed("a value", e))?;
        let known = self.keys().get(&scope).and_then(|epochs| epochs.get(&epoch)).map(|held| Arc::clone(&held.key));
        let key = match known {
            Some(key) => key,
            None => self.await_key(KeyName { scope, epoch }).await?,
        };
        seal::open(&key, context, sealed).map_err(|e| Error::sealed("a value", e))
    }

    /// A name for something that outsiders wrote, under the scope's newest key: the same until that
    /// key is followed by another.
    ///
    /// # Errors
    /// [`Error::NoKey`] when the scope has none.
    pub(crate) fn pseudonym(&self, scope: Scope, parts: &[&[u8]]) -> Result<String, Error> {
        let (_, key) = self.newest(scope).ok_or_else(|| Error::NoKey { scope: scope.to_string() })?;
        crypto::pseudonym::of(&key, parts).map_err(|e| Error::sealed("a name", e))
    }

    /// Drops a scope's keys from memory.
    pub(crate) fn forget(&self, scope: Scope) {
        self.keys_mut().remove(&scope);
    }

    /// Brings a scope's newest key into memory.
    pub(crate) async fn load(&self, scope: Scope) -> Result<(), Error> {
        match self.newest(scope) {
            Some(_) => Ok(()),
            // One that has others is known by the watch; this is a scope that was made just now.
            None => self.fetch(KeyName { scope, epoch: EPOCH_FIRST }).await.map(|_| ()),
        }
    }

    /// Stores a random key under a name, unless there is one or was one that is destroyed.
    async fn make(&self, name: KeyName) -> Result<(), Error> {
        let wrapped = self.inner.masters.wrap_new(&name.scope.to_string(), name.epoch);
        let (_, wrapped) = wrapped.map_err(|e| Error::sealed("a new key", e))?;
        match self.inner.kv.create(name.to_string(), encode(&wrapped)?).await {
            Ok(_) => Ok(()),
            // Another process was first; its key is the one.
            Err(e) if e.kind() == kv::CreateErrorKind::AlreadyExists => Ok(()),
            Err(e) => Err(Error::unavailable("store a data key", e)),
        }
    }

    /// As [`Self::fetch`]; a key that may be on its way is waited for.
    async fn await_key(&self, name: KeyName) -> Result<Arc<DataKey>, Error> {
        let mut tries = 1;
        loop {
            let newest = self.newest(name.scope).map(|(epoch, _)| epoch);
            let is_ahead = newest
                .is_some_and(|newest| name.epoch > newest && name.epoch <= newest.saturating_add(EPOCHS_AHEAD_MAX));
            match self.fetch(name).await {
                Err(Error::NoKey { .. }) if is_ahead && tries < FETCH_TRIES => tries += 1,
                other => return other,
            }
            tokio::time::sleep(FETCH_WAIT).await;
        }
    }

    /// As [`Self::fetch`], of a key that is known to be stored: the copy that answers may not have it yet.
    async fn fetch_made(&self, name: KeyName) -> Result<Arc<DataKey>, Error> {
        for _ in 1..FETCH_TRIES {
            match self.fetch(name).await {
                Err(Error::NoKey { .. }) => tokio::time::sleep(FETCH_WAIT).await,
                other => return other,
            }
        }
        self.fetch(name).await
    }

    async fn fetch(&self, name: KeyName) -> Result<Arc<DataKey>, Error> {
        let entry =
            self.inner.kv.entry(name.to_string()).await.map_err(|e| Error::unavailable("read a data key", e))?;
        let entry = entry.filter(|entry| entry.operation == kv::Operation::Put);
        let entry = entry.ok_or_else(|| Error::NoKey { scope: name.scope.to_string() })?;
        self.take_in(name, &entry)
    }

    /// Unwraps a key as it is stored, and keeps it.
    fn take_in(&self, name: KeyName, entry: &kv::Entry) -> Result<Arc<DataKey>, Error> {
        let key = self.unwrap(name, &entry.value)?;
        let since = stored_at(entry);
        self.keys_mut().entry(name.scope).or_default().insert(name.epoch, Held { key: Arc::clone(&key), since });
        Ok(key)
    }

    fn unwrap(&self, name: KeyName, value: &[u8]) -> Result<Arc<DataKey>, Error> {
        let wrapped = decode(name, value)?;
        let key = self.inner.masters.unwrap(&name.scope.to_string(), name.epoch, &wrapped);
        key.map(Arc::new).map_err(|e| Error::sealed(format_args!("data key {name}"), e))
    }

    fn newest(&self, scope: Scope) -> Option<(u32, Arc<DataKey>)> {
        let keys = self.keys();
        let (epoch, held) = keys.get(&scope)?.last_key_value()?;
        Some((*epoch, Arc::clone(&held.key)))
    }

    fn keys(&self) -> RwLockReadGuard<'_, HashMap<Scope, Epochs>> {
        self.inner.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys_mut(&self) -> RwLockWriteGuard<'_, HashMap<Scope, Epochs>> {
        self.inner.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(wrapped: &WrappedKey) -> Result<Bytes, Error> {
    serde_json::to_vec(wrapped).map(Bytes::from).map_err(|e| Error::unreadable("a wrapped key", e))
}

fn decode(name: KeyName, value: &[u8]) -> Result<WrappedKey, Error> {
    serde_json::from_slice(value).map_err(|e| Error::unreadable(format_args!("data key {name}"), e))
}

fn stored_at(entry: &kv::Entry) -> UnixMs {
    UnixMs(u64::try_from(entry.created.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests;
