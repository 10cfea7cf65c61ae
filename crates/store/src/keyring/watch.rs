//! Follows the stored keys: takes everything in once, then each change as it comes.

use async_nats::jetstream::kv::{Entry, Operation};
use futures_util::StreamExt;
use telemetry::Stop;
use tracing::warn;

use super::{KeyName, Keyring};
use crate::Error;
use crate::watching;

impl Keyring {
    /// Follows the stored keys until told to stop. Everything is taken in again whenever the watch
    /// breaks; keys that were destroyed meanwhile are then told by their marks.
    pub(crate) async fn run(&self, stop: &Stop) {
        watching::keep(stop, "the watch of the keyring", || self.follow()).await;
    }

    async fn follow(&self) -> Result<(), Error> {
        let what = "watch the keyring";
        let kv = &self.inner.kv;
        let mut entries = kv.watch_many_with_history([">"]).await.map_err(|e| Error::unavailable(what, e))?;
        // Never empty: whoever opened the store found the system's key.
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|e| Error::unavailable(what, e))?;
            self.see(&entry);
            if entry.seen_current {
                self.inner.loaded.send_if_modified(|loaded| !std::mem::replace(loaded, true));
            }
        }
        Ok(())
    }

    /// Takes in one stored key, or that it was destroyed.
    fn see(&self, entry: &Entry) {
        let Ok(name) = entry.key.parse::<KeyName>() else {
            warn!(key = entry.key, "a stranger among the data keys is left alone");
            return;
        };
        match entry.operation {
            Operation::Put => match self.take_in(name, entry) {
                Ok(_) if self.inner.trouble.clear(name) => self.inner.mended.send_modify(|n| *n += 1),
                Ok(_) => {}
                Err(error) => self.inner.trouble.note(name, &error, self.is_held(name)),
            },
            Operation::Delete | Operation::Purge => {
                let _ = self.inner.trouble.clear(name);
                self.drop_one(name);
            }
        }
    }

    fn is_held(&self, name: KeyName) -> bool {
        self.keys().get(&name.scope).is_some_and(|epochs| epochs.contains_key(&name.epoch))
    }

    fn drop_one(&self, name: KeyName) {
        let mut keys = self.keys_mut();
        if let Some(epochs) = keys.get_mut(&name.scope) {
            epochs.remove(&name.epoch);
            if epochs.is_empty() {
                keys.remove(&name.scope);
            }
        }
    }
}
