//! Writes to the directory: each names the revision that it replaces.

use std::time::Duration;

use async_nats::jetstream::kv;
use bytes::Bytes;
use crypto::seal::{self, Kind};
use model::{AccountId, record};
use uuid::Uuid;

use super::history::{self, Actor, Operation};
use super::{Directory, Key, Record, Versioned};
use crate::Error;
use crate::fact::EXPECTED_LAST;
use crate::keyring::Scope;
use crate::publish::Publication;

/// How long a write is tried before its caller is told.
const WRITE_BUDGET: Duration = Duration::from_secs(4);
/// Says that a message of a key-value bucket deletes.
const KV_OPERATION: &str = "KV-Operation";

/// A change in somebody's name.
struct Change {
    what: &'static str,
    operation: Operation,
    /// The revision that it replaces, 0 for none; without one it replaces whatever is there.
    replaces: Option<u64>,
}

/// Which state of a record a write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revision(pub(super) u64);

impl Directory {
    /// Writes a new record and waits until this process sees it. A bucket gets its data key first.
    ///
    /// # Errors
    /// [`Error::Exists`] when there is one under its key; [`Error::Unavailable`].
    pub async fn create<T: Record>(&self, record: &T) -> Result<Revision, Error> {
        let key = record.key();
        if let Key::Bucket(_) = key {
            self.inner.keyring.ensure(key.scope()).await?;
        }
        let value = self.seal(&key, record)?;
        let revision = match self.actor {
            Some(actor) => {
                let made = Change { what: "create a record", operation: Operation::Create, replaces: Some(0) };
                self.write(actor, &key, made, value).await.map_err(|error| match error {
                    Error::Conflict => Error::Exists,
                    other => other,
                })?
            }
            None => self.inner.kv.create(key.to_string(), value).await.map_err(|e| match e.kind() {
                kv::CreateErrorKind::AlreadyExists => Error::Exists,
                _ => Error::unavailable("create a record", e),
            })?,
        };
        self.shows(revision).await?;
        Ok(Revision(revision))
    }

    /// Replaces the record that was read at `revision`, and waits until this process sees it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was changed since; [`Error::Unavailable`].
    pub async fn update<T: Record>(&self, record: &T, revision: Revision) -> Result<Revision, Error> {
        let key = record.key();
        let value = self.seal(&key, record)?;
        let revision = match self.actor {
            Some(actor) => {
                let what = "update a record";
                let changed = Change { what, operation: Operation::Update, replaces: Some(revision.0) };
                self.write(actor, &key, changed, value).await?
            }
            None => self.inner.kv.update(key.to_string(), value, revision.0).await.map_err(|e| match e.kind() {
                kv::UpdateErrorKind::WrongLastRevision => Error::Conflict,
                _ => Error::unavailable("update a record", e),
            })?,
        };
        self.shows(revision).await?;
        Ok(Revision(revision))
    }

    /// Deletes a record, and waits until this process sees that it is gone. What is not there
    /// stays so. With a bucket its data keys are destroyed, and that first: whatever happens next,
    /// what was sealed under them is lost.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; deleting again takes up where it stopped.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        if let Key::Bucket(id) = key {
            self.inner.keyring.destroy(Scope::Bucket(*id)).await?;
        }
        if let Some(actor) = self.actor {
            let deleted = Change { what: "delete a record", operation: Operation::Delete, replaces: None };
            let marker = self.write(actor, key, deleted, Bytes::new()).await?;
            return self.shows(marker).await;
        }
        if let Key::Group(..) = key {
            // They come and go for good, and nobody asks what they were.
            self.inner.kv.purge(key.to_string()).await.map_err(|e| Error::unavailable("delete a record", e))?;
        } else {
            self.inner.kv.delete(key.to_string()).await.map_err(|e| Error::unavailable("delete a record", e))?;
        }
        self.shows_gone(key).await
    }

    /// Deletes a group that nobody comes for, as [`Directory::delete`]; not when it was changed since it
    /// was read: somebody has come.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was changed; [`Error::Unavailable`].
    pub async fn delete_group(&self, read: &Versioned<record::Group>) -> Result<(), Error> {
        let (key, revision) = (read.record.key(), Some(read.revision.0));
        self.inner.kv.purge_expect_revision(key.to_string(), revision).await.map_err(|e| match e.kind() {
            kv::UpdateErrorKind::WrongLastRevision => Error::Conflict,
            _ => Error::unavailable("delete a record", e),
        })?;
        self.shows_gone(&key).await
    }

    /// Waits until this process sees that a record is gone.
    async fn shows_gone(&self, key: &Key) -> Result<(), Error> {
        let entry = self.inner.kv.entry(key.to_string()).await.map_err(|e| Error::unavailable("delete a record", e))?;
        match entry {
            Some(marker) => self.shows(marker.revision).await,
            None => Ok(()),
        }
    }

    /// Whether there was a record under this key, and somebody has deleted it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn was_deleted(&self, key: &Key) -> Result<bool, Error> {
        let entry = self.inner.kv.entry(key.to_string()).await;
        let entry = entry.map_err(|e| Error::unavailable("look for a deleted record", e))?;
        Ok(entry.is_some_and(|entry| entry.operation != kv::Operation::Put))
    }

    /// Seals a record again as it is, unless it lies under the key of epoch `newest` already or is
    /// gone. Returns whether it does now; not when it was changed meanwhile.
    pub(crate) async fn seal_again(&self, key: &Key, newest: u32) -> Result<bool, Error> {
        let what = "seal a record again";
        let (kv, name, keyring) = (&self.inner.kv, key.to_string(), &self.inner.keyring);
        let entry = kv.entry(name.clone()).await.map_err(|e| Error::unavailable(what, e))?;
        let Some(entry) = entry.filter(|entry| entry.operation == kv::Operation::Put) else { return Ok(true) };
        if seal::epoch_of(&entry.value).is_ok_and(|epoch| epoch >= newest) {
            return Ok(true);
        }
        let json = keyring.open(key.scope(), Kind::Record, name.as_bytes(), entry.value).await?;
        let sealed = keyring.seal(key.scope(), Kind::Record, name.as_bytes(), &json)?;
        match kv.update(&name, sealed, entry.revision).await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == kv::UpdateErrorKind::WrongLastRevision => Ok(false),
            Err(e) => Err(Error::unavailable(what, e)),
        }
    }

    /// Takes a name for an account, so that two writers cannot both use it.
    ///
    /// # Errors
    /// [`Error::Exists`] when it is taken; [`Error::Unavailable`].
    pub async fn claim(&self, account: AccountId, kind: &str, name: &str) -> Result<(), Error> {
        match self.inner.kv.create(claim_key(account, kind, name), Bytes::new()).await {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == kv::CreateErrorKind::AlreadyExists => Err(Error::Exists),
            Err(e) => Err(Error::unavailable("claim a name", e)),
        }
    }

    /// Gives a claimed name back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn release(&self, account: AccountId, kind: &str, name: &str) -> Result<(), Error> {
        let key = claim_key(account, kind, name);
        self.inner.kv.purge(key).await.map_err(|e| Error::unavailable("release a name", e))
    }

    /// Writes that a group has attached, unless that is written already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ensure_group(&self, group: &record::Group) -> Result<(), Error> {
        if self.group(group.output, group.id).is_some() {
            return Ok(());
        }
        match self.create(group).await {
            Ok(_) | Err(Error::Exists) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes as a key-value bucket is written, and says beside it who did it.
    async fn write(&self, actor: Actor, key: &Key, change: Change, value: Bytes) -> Result<u64, Error> {
        let mut headers = history::headers(actor, change.operation);
        if change.operation == Operation::Delete {
            headers.push((KV_OPERATION, "DEL".to_owned()));
        }
        if let Some(replaced) = change.replaces {
            headers.push((EXPECTED_LAST, replaced.to_string()));
        }
        let publication = Publication {
            what: change.what,
            subject: format!("{}{key}", self.inner.kv.prefix),
            // A further try of what was stored the first time is acknowledged as such.
            id: Some(Uuid::new_v4().to_string()),
            headers: &headers,
            payload: value,
        };
        self.inner.publisher.publish(&publication, WRITE_BUDGET).await
    }

    fn seal<T: Record>(&self, key: &Key, record: &T) -> Result<Bytes, Error> {
        let json = serde_json::to_vec(record).map_err(|e| Error::unreadable(key, e))?;
        self.inner.keyring.seal(key.scope(), Kind::Record, key.to_string().as_bytes(), &json)
    }
}

/// Names are user text, so the key carries a UUID made from them (version 5, RFC 9562).
fn claim_key(account: AccountId, kind: &str, name: &str) -> String {
    format!("claim.{kind}.{}", Uuid::new_v5(&account.0, name.as_bytes()).simple())
}
