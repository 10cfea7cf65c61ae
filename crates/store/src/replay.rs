//! How far replays are, for every process that is asked: told by the one that does them, which also
//! hears from here that one is to end.
//!
//! | key | what |
//! |---|---|
//! | `progress.<replay>` | how far it is: ids and counts |
//! | `cancel.<replay>` | that it is to end where it is |

use async_nats::jetstream::{Context, kv};
use bytes::Bytes;
use model::{AccountId, BucketId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, layout};

/// How a replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It only counts.
    DryRun,
    /// It sends.
    Running,
    /// It has sent all.
    Done,
    /// It ended before.
    Cancelled,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Whose it is.
    pub account: AccountId,
    /// The bucket.
    pub bucket: BucketId,
    /// How it stands.
    pub status: Status,
    /// How many deliveries were found for it.
    pub matched: u64,
    /// How many were sent again.
    pub done: u64,
    /// How many could not be.
    pub failed: u64,
}

/// The replays of all processes. Clones share the connection.
#[derive(Clone)]
pub struct Replays {
    context: Context,
}

impl Replays {
    pub(crate) fn new(context: Context) -> Self {
        Self { context }
    }

    /// Says how far a replay is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tell(&self, id: Uuid, progress: &Progress) -> Result<(), Error> {
        let json = serde_json::to_vec(progress).map_err(|e| Error::unreadable("a replay", e))?;
        self.put(format!("progress.{}", id.simple()), json.into()).await
    }

    /// What was last said of a replay; `None` when nothing is known of it any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Unreadable`].
    pub async fn told(&self, id: Uuid) -> Result<Option<Progress>, Error> {
        let told = self.get(format!("progress.{}", id.simple())).await?;
        told.map(|json| serde_json::from_slice(&json).map_err(|e| Error::unreadable("a replay", e))).transpose()
    }

    /// Asks for a replay to end where it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn cancel(&self, id: Uuid) -> Result<(), Error> {
        self.put(format!("cancel.{}", id.simple()), Bytes::new()).await
    }

    /// Whether somebody asked for it to end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn is_cancelled(&self, id: Uuid) -> Result<bool, Error> {
        Ok(self.get(format!("cancel.{}", id.simple())).await?.is_some())
    }

    async fn put(&self, key: String, value: Bytes) -> Result<(), Error> {
        let kv = self.kv().await?;
        kv.put(key, value).await.map(drop).map_err(|e| Error::unavailable("tell of a replay", e))
    }

    async fn get(&self, key: String) -> Result<Option<Bytes>, Error> {
        self.kv().await?.get(key).await.map_err(|e| Error::unavailable("ask for a replay", e))
    }

    async fn kv(&self) -> Result<kv::Store, Error> {
        let kv = self.context.get_key_value(layout::REPLAY).await;
        kv.map_err(|e| Error::unavailable("open the replays", e))
    }
}
