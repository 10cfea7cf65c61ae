//! Claims a cursor for one client, before and for as long as somebody works with it.
//!
//! A claimant looks whether another [holds](Hold::is_held) the cursor, holds it itself, and then
//! writes the cursor's group over the revision that it had read before it looked. Of two who do so
//! at the same time one loses that write.

use async_nats::Subscriber;
use futures_util::StreamExt;

use super::{consumer, talk};
use crate::fact::CursorKey;
use crate::{Error, Store};

/// The right to a cursor. It stands while [`Hold::answer`] runs.
pub struct Hold {
    store: Store,
    asked: Subscriber,
}

impl Hold {
    /// Whether somebody holds the cursor; when in doubt, yes.
    pub async fn is_held(store: &Store, key: &CursorKey) -> bool {
        talk::is_held(store, &name(key), talk::ASKS).await
    }

    /// Holds a cursor from now on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take(store: &Store, key: &CursorKey) -> Result<Self, Error> {
        let asked = store.inner.client.subscribe(talk::held_subject(&name(key))).await;
        let asked = asked.map_err(|e| Error::unavailable("hold a cursor", e))?;
        Ok(Self { store: store.clone(), asked })
    }

    /// Answers others who ask, until the connection to NATS is given up.
    pub async fn answer(mut self) {
        while let Some(question) = self.asked.next().await {
            talk::say_held(&self.store, question, None).await;
        }
    }
}

fn name(key: &CursorKey) -> String {
    format!("claim_{}", consumer::name(key))
}
