//! How long the queue of a cursor is, without taking anything from it.

use model::UnixMs;

use super::{Cursor, consumer};
use crate::fact::CursorKey;
use crate::{Error, Store};

/// What the stream has for a cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// How many events were not given out yet.
    pub pending: u64,
    /// How many were given out, or given back, and not acknowledged.
    pub unacknowledged: u64,
}

impl Queue {
    /// Asks NATS for the queue of a cursor; `None` when it has no consumer now. One request to NATS:
    /// for cursors that [cannot know it themselves](Cursor::is_asking).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ask(store: &Store, key: &CursorKey) -> Result<Option<Self>, Error> {
        let what = "look at the queue of a cursor";
        let stream = store.inner.layout.event_stream(key.bucket, key.ephemeral);
        let info = consumer::info(store, &stream, &consumer::name(key), what).await?;
        Ok(info.map(|info| Self {
            pending: info.num_pending,
            unacknowledged: u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX),
        }))
    }
}

impl Cursor {
    /// How many events the stream had for it when it last gave one out.
    pub fn pending(&self) -> u64 {
        self.position.pending()
    }

    /// Counts what the stream gives out; while it does not change, nothing was given out.
    pub fn delivered(&self) -> u64 {
        self.position.delivered()
    }

    /// Whether a request stands: then new events come at once, and do not pile up unheard.
    pub fn is_asking(&self) -> bool {
        self.position.over_at().is_some()
    }

    /// When a delivery last ended as sent, as far as the facts that were read say.
    pub fn last_sent_at(&self) -> Option<UnixMs> {
        self.position.progress().last_sent_at()
    }
}
