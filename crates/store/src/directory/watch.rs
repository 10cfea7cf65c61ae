//! Follows the directory: loads everything once, then applies each change as it comes.

use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use async_nats::jetstream::kv::{Entry, Operation};
use crypto::seal::Kind;
use futures_util::StreamExt;
use model::UnixMs;
use telemetry::Stop;
use tracing::warn;

use super::{Directory, Key, Revision};
use crate::Error;
use crate::client::chain;
use crate::keyring::Scope;
use crate::watching;

/// How often a record whose data key has not arrived is tried again.
const KEY_TRIES: u32 = 5;
/// The wait before each.
const KEY_WAIT: Duration = Duration::from_millis(100);

impl Directory {
    /// Follows the directory until told to stop. Everything is loaded again whenever the watch
    /// breaks; records that were removed meanwhile are then told by their delete markers.
    pub(crate) async fn run(&self, stop: &Stop) {
        tokio::join!(watching::keep(stop, "the watch of the directory", || self.follow()), self.keep_current(stop));
    }

    async fn follow(&self) -> Result<(), Error> {
        let broken = |e| Error::unavailable("watch the directory", e);
        // With the data keys at hand no record has to wait for its own.
        self.inner.keyring.loaded().await;
        let mut mended = self.inner.keyring.mended();
        let last = self.last_revision().await?;
        if last == 0 {
            self.saw(0);
        }
        let mut entries = self
            .inner
            .kv
            .watch_many_with_history([">"])
            .await
            .map_err(|e| Error::unavailable("watch the directory", e))?;
        // Not interrupted while it loads.
        let mut has_all = last == 0;
        loop {
            let entry = tokio::select! {
                // Something changed, or the watch ended.
                entry = entries.next() => entry,
                // Records that could not be opened may open now: everything is loaded again.
                Ok(()) = mended.changed() => return Ok(()),
                // Its consumer may have gone with the NATS server that it was on.
                () = self.inner.stale.notified(), if has_all => return Err(Error::timed_out("hear of a change")),
            };
            let Some(entry) = entry else { return Ok(()) };
            let entry = entry.map_err(|e| broken(Box::new(e)))?;
            has_all |= entry.revision >= last;
            self.apply(&entry).await?;
            if has_all || self.is_loaded() {
                self.saw(entry.revision);
            }
        }
    }

    /// The revision of the last change.
    pub(super) async fn last_revision(&self) -> Result<u64, Error> {
        let info = self.inner.kv.stream.get_info().await.map_err(|e| Error::unavailable("read the directory", e))?;
        Ok(info.state.last_sequence)
    }

    fn saw(&self, revision: u64) {
        self.inner.seen.send_if_modified(|seen| {
            let newer = seen.is_none_or(|seen| seen < revision);
            if newer {
                *seen = Some(revision);
            }
            newer
        });
    }

    async fn apply(&self, entry: &Entry) -> Result<(), Error> {
        let Some(key) = Key::parse(&entry.key) else {
            return Ok(());
        };
        match entry.operation {
            Operation::Put => match self.open(&key, entry).await {
                Ok(json) => self.put(&key, &json, entry.revision),
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                Err(error) => self.leave_out(&key, &error),
            },
            Operation::Delete | Operation::Purge => {
                self.inner.maps.write().unwrap_or_else(PoisonError::into_inner).remove(&key);
                if let Key::Bucket(id) = key {
                    self.inner.keyring.forget(Scope::Bucket(id));
                }
            }
        }
        if let Key::Token(id) = &key {
            let at = UnixMs::from(SystemTime::from(entry.created));
            self.inner.maps.write().unwrap_or_else(PoisonError::into_inner).note_token_changed(*id, at);
        }
        // Nobody listening is fine.
        let _ = self.inner.changes.send(key);
        Ok(())
    }

    async fn open(&self, key: &Key, entry: &Entry) -> Result<bytes::Bytes, Error> {
        let mut tried = 0;
        loop {
            let opened =
                self.inner.keyring.open(key.scope(), Kind::Record, entry.key.as_bytes(), entry.value.clone()).await;
            match opened {
                // A follower of a replicated keyring may show the key a moment after the record.
                Err(Error::NoKey { .. }) if tried < KEY_TRIES && !self.is_gone(key).await => {
                    tried += 1;
                    tokio::time::sleep(KEY_WAIT).await;
                }
                other => return other,
            }
        }
    }

    /// Whether the record was deleted meanwhile, or the bucket that it belongs to: the data key is
    /// gone for good then, and waiting for it would only hold up everybody's changes.
    async fn is_gone(&self, key: &Key) -> bool {
        if let Scope::Bucket(bucket) = key.scope()
            && self.is_deleted(&Key::Bucket(bucket)).await
        {
            return true;
        }
        self.is_deleted(key).await
    }

    async fn is_deleted(&self, key: &Key) -> bool {
        matches!(self.inner.kv.get(key.to_string()).await, Ok(None))
    }

    fn put(&self, key: &Key, json: &[u8], revision: u64) {
        let mut maps = self.inner.maps.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = maps.put(key, json, Revision(revision)) {
            drop(maps);
            self.leave_out(key, &Error::unreadable(key, error));
        }
    }

    /// One bad record must not take the others away.
    fn leave_out(&self, key: &Key, error: &Error) {
        warn!(%key, error = chain(error), "a record of the directory is left out");
        self.inner.maps.write().unwrap_or_else(PoisonError::into_inner).note_unopened(key);
    }
}
