//! The data keys of buckets, in memory, unwrapped as they come.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_nats::jetstream::kv;
use bytes::Bytes;
use crypto::key::{DataKey, MasterKeys, WrappedKey};
use crypto::seal::{self, Context};
use model::BucketId;

use crate::Error;

/// The epoch of a scope's first key.
const EPOCH_FIRST: u32 = 1;

/// Whose data key something is sealed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What belongs to no bucket: accounts, tokens, the signing key.
    System,
    /// A bucket, its inputs and outputs, its events.
    Bucket(BucketId),
    /// Webhooks for inputs that do not exist; nobody ever opens them.
    Void,
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Bucket(id) => write!(f, "{}", id.0.simple()),
            Self::Void => f.write_str("void"),
        }
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
}

#[derive(Default)]
struct Epochs {
    newest: u32,
    keys: HashMap<u32, Arc<DataKey>>,
}

impl Keyring {
    pub(crate) fn new(masters: MasterKeys, kv: kv::Store) -> Self {
        Self { inner: Arc::new(Inner { masters, kv, keys: RwLock::default() }) }
    }

    /// Makes the first data key of a scope, unless it has one.
    ///
    /// # Errors
    /// When the store is not available, or the key that is there cannot be unwrapped with the
    /// master keys of this process.
    pub async fn ensure(&self, scope: Scope) -> Result<(), Error> {
        if self.newest(scope).is_some() {
            return Ok(());
        }
        let (_, wrapped) =
            self.inner.masters.wrap_new(&scope.to_string(), EPOCH_FIRST).map_err(|e| Error::sealed("a new key", e))?;
        let value = serde_json::to_vec(&wrapped).map_err(|e| Error::unreadable("a wrapped key", e))?;
        match self.inner.kv.create(key_of(scope, EPOCH_FIRST), value.into()).await {
            Ok(_) => {}
            // Another process was first; its key is the one.
            Err(e) if e.kind() == kv::CreateErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::unavailable("store a data key", e)),
        }
        self.fetch(scope, EPOCH_FIRST).await.map(|_| ())
    }

    /// Destroys every key of a scope: nothing sealed under them can be opened again by anyone.
    ///
    /// # Errors
    /// When the store is not available; then some keys may be left.
    pub async fn destroy(&self, scope: Scope) -> Result<(), Error> {
        let epochs: Vec<u32> = match self.keys().get(&scope) {
            Some(epochs) => epochs.keys.keys().copied().collect(),
            None => vec![EPOCH_FIRST],
        };
        for epoch in epochs {
            self.inner.kv.purge(key_of(scope, epoch)).await.map_err(|e| Error::unavailable("destroy a data key", e))?;
        }
        self.forget(scope);
        Ok(())
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
        let known = self.keys().get(&scope).and_then(|e| e.keys.get(&epoch).cloned());
        let key = match known {
            Some(key) => key,
            None => self.fetch(scope, epoch).await?,
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
        self.inner.keys.write().unwrap_or_else(PoisonError::into_inner).remove(&scope);
    }

    async fn fetch(&self, scope: Scope, epoch: u32) -> Result<Arc<DataKey>, Error> {
        let name = key_of(scope, epoch);
        let value = self.inner.kv.get(&name).await.map_err(|e| Error::unavailable("read a data key", e))?;
        let value = value.ok_or_else(|| Error::NoKey { scope: scope.to_string() })?;
        let wrapped: WrappedKey = serde_json::from_slice(&value).map_err(|e| Error::unreadable(&name, e))?;
        let key =
            self.inner.masters.unwrap(&scope.to_string(), epoch, &wrapped).map_err(|e| Error::sealed(&name, e))?;
        let key = Arc::new(key);
        let mut keys = self.inner.keys.write().unwrap_or_else(PoisonError::into_inner);
        let epochs = keys.entry(scope).or_default();
        epochs.newest = epochs.newest.max(epoch);
        epochs.keys.insert(epoch, Arc::clone(&key));
        Ok(key)
    }

    /// Brings a scope's newest key into memory.
    pub(crate) async fn load(&self, scope: Scope) -> Result<(), Error> {
        match self.newest(scope) {
            Some(_) => Ok(()),
            None => self.fetch(scope, EPOCH_FIRST).await.map(|_| ()),
        }
    }

    fn newest(&self, scope: Scope) -> Option<(u32, Arc<DataKey>)> {
        let keys = self.keys();
        let epochs = keys.get(&scope)?;
        Some((epochs.newest, Arc::clone(epochs.keys.get(&epochs.newest)?)))
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Scope, Epochs>> {
        self.inner.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(scope: Scope, epoch: u32) -> String {
    format!("{scope}.{epoch}")
}
