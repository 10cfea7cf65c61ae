//! An operator's look at all stored data keys, and a new wrapping under another master key.
//!
//! Nothing of this needs the services to stop: a data key stays the same when it is wrapped anew, and
//! each one is replaced only if nobody has changed it meanwhile. It can be broken off at any point and
//! begun again.

use std::collections::BTreeMap;

use async_nats::jetstream::kv::{self, Entry, Operation};
use crypto::key::{MasterKeyId, MasterKeys};
use futures_util::StreamExt;

use super::{KeyName, Keyring, Scope, decode, encode};
use crate::{Error, Options, client};

/// How often all keys are looked through before it is said that some remain: more than once, because
/// a process that was not restarted yet may wrap new keys under the old master key.
const ROUNDS_MAX: usize = 3;

/// All stored data keys.
pub struct Custody {
    masters: MasterKeys,
    kv: kv::Store,
}

/// How the stored data keys are wrapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// How many data keys each master key wraps; those that were given are there even for none.
    pub wrapped: BTreeMap<String, usize>,
    /// Data keys that do not open, or cannot be read, although their master key was given.
    pub damaged: Vec<KeyName>,
}

/// What came of wrapping anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// How many data keys were wrapped anew.
    pub count: usize,
    /// Those that are still wrapped by another master key, with what is in the way.
    pub left: Vec<(KeyName, String)>,
}

impl Custody {
    /// Connects to NATS.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; there must be a keyring already.
    pub async fn open(options: &Options, masters: MasterKeys) -> Result<Self, Error> {
        let kv = client::keyring_alone(options).await?;
        Ok(Self { masters, kv })
    }

    /// The id of the master key that wraps.
    pub fn active_id(&self) -> MasterKeyId {
        self.masters.active_id()
    }

    /// Looks at all keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn status(&self) -> Result<Status, Error> {
        let mut status = Status::default();
        for id in self.masters.ids() {
            status.wrapped.insert(id.to_string(), 0);
        }
        for (name, entry) in self.all().await? {
            let Ok(wrapped) = decode(name, &entry.value) else {
                status.damaged.push(name);
                continue;
            };
            *status.wrapped.entry(wrapped.master_key().to_string()).or_default() += 1;
            let opened = self.masters.unwrap(&name.scope.to_string(), name.epoch, &wrapped);
            if matches!(opened, Err(error) if !matches!(error, crypto::Error::UnknownMasterKey(_))) {
                status.damaged.push(name);
            }
        }
        Ok(status)
    }

    /// Wraps every data key under the master key that wraps, and looks again until none is left
    /// under another.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; doing it again takes up where it stopped.
    pub async fn rewrap(&self) -> Result<Rewrapped, Error> {
        let mut done = Rewrapped::default();
        for _ in 0..ROUNDS_MAX {
            done.left.clear();
            for (name, entry) in self.all().await? {
                match self.rewrap_one(name, &entry).await {
                    Ok(false) => {}
                    Ok(true) => done.count += 1,
                    Err(error @ Error::Unavailable { .. }) => return Err(error),
                    Err(error) => done.left.push((name, client::chain(&error))),
                }
            }
            if done.left.is_empty() && self.is_done().await? {
                break;
            }
        }
        Ok(done)
    }

    /// Gives a scope another data key, or every scope one. Returns whose they are.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::NoKey`] when the scope has none.
    pub async fn renew(&self, only: Option<Scope>) -> Result<Vec<KeyName>, Error> {
        let keyring = Keyring::new(self.masters.clone(), self.kv.clone());
        let mut newest: BTreeMap<Scope, KeyName> = BTreeMap::new();
        for (name, entry) in self.all().await? {
            let wanted = only.is_none_or(|only| only == name.scope);
            // One that cannot be unwrapped here is no reason to leave the others.
            if wanted && keyring.take_in(name, &entry).is_ok() {
                newest.insert(name.scope, name);
            }
        }
        if let (Some(scope), true) = (only, newest.is_empty()) {
            return Err(Error::NoKey { scope: scope.to_string() });
        }
        let mut made = Vec::new();
        for scope in newest.into_keys() {
            let epoch = keyring.renew(scope).await?;
            made.push(KeyName { scope, epoch });
        }
        Ok(made)
    }

    /// Whether no key is wrapped by another master key.
    async fn is_done(&self) -> Result<bool, Error> {
        let all = self.all().await?;
        let mut wrapped = all.iter().filter_map(|(name, entry)| decode(*name, &entry.value).ok());
        Ok(wrapped.all(|key| key.master_key() == self.active_id()))
    }

    async fn rewrap_one(&self, name: KeyName, entry: &Entry) -> Result<bool, Error> {
        let wrapped = decode(name, &entry.value)?;
        let rewrapped = self.masters.rewrap(&name.scope.to_string(), name.epoch, &wrapped);
        let Some(rewrapped) = rewrapped.map_err(|e| Error::sealed(format_args!("data key {name}"), e))? else {
            return Ok(false);
        };
        match self.kv.update(name.to_string(), encode(&rewrapped)?, entry.revision).await {
            Ok(_) => Ok(true),
            // Destroyed or wrapped anew by someone else: the next round sees what it is now.
            Err(e) if e.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(e) => Err(Error::unavailable("wrap a data key anew", e)),
        }
    }

    /// Every key that is not destroyed, in the order of names.
    async fn all(&self) -> Result<BTreeMap<KeyName, Entry>, Error> {
        let what = "read all data keys";
        let mut all = BTreeMap::new();
        let info = self.kv.stream.get_info().await.map_err(|e| Error::unavailable(what, e))?;
        if info.state.messages == 0 {
            return Ok(all);
        }
        let entries = self.kv.watch_many_with_history([">"]).await;
        let mut entries = entries.map_err(|e| Error::unavailable(what, e))?;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|e| Error::unavailable(what, e))?;
            let is_last = entry.seen_current;
            if let (Ok(name), Operation::Put) = (entry.key.parse(), entry.operation) {
                all.insert(name, entry);
            }
            if is_last {
                return Ok(all);
            }
        }
        Err(Error::timed_out(what))
    }
}
