//! How a process comes among those that work with a cursor: it finds out whether others are there,
//! and of several that come at the same moment and find nobody, which is the first.
//!
//! That one alone may take over what nobody has, and does so before it answers anyone: the others
//! ask again, and hear of it then.

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::time::timeout;
use uuid::Uuid;

use super::talk::{self, ATTACHES, HELD_WAIT, Held};
use crate::{Error, Store};

/// How often a process lets others go first before it takes one of them to be there.
const TRIES: usize = 10;

/// Listens for others who ask about the cursor, from now on; returns whether another was there
/// before. When in doubt, yes.
pub(super) async fn enter(store: &Store, name: &str, own: Uuid) -> Result<(Subscriber, Held), Error> {
    for _ in 0..TRIES {
        // Whoever finds the cursor free listens by then, and hears all others who do.
        let mut free = subscribe(store, free_subject(name)).await?;
        let held = talk::held(store, name, ATTACHES).await;
        let is_held = matches!(held, Held::By(_));
        let mut asked = subscribe(store, talk::held_subject(name)).await?;
        let is_first = !is_held && is_first(store, name, own, &mut free).await?;
        let _ = free.unsubscribe().await;
        if is_held || is_first {
            return Ok((asked, held));
        }
        let _ = asked.unsubscribe().await;
    }
    Ok((subscribe(store, talk::held_subject(name)).await?, Held::By(None)))
}

/// Says that the cursor was found free. Who hears another say so first is not the first.
async fn is_first(store: &Store, name: &str, own: Uuid, free: &mut Subscriber) -> Result<bool, Error> {
    let said = store.inner.client.publish(free_subject(name), own.to_string().into()).await;
    said.map_err(|e| Error::unavailable("attach to a cursor", e))?;
    let first = timeout(HELD_WAIT, free.next()).await;
    Ok(first.is_ok_and(|first| first.is_some_and(|first| first.payload.as_ref() == own.to_string().as_bytes())))
}

async fn subscribe(store: &Store, subject: String) -> Result<Subscriber, Error> {
    store.inner.client.subscribe(subject).await.map_err(|e| Error::unavailable("attach to a cursor", e))
}

/// Where processes that attach say that they found the cursor free.
fn free_subject(name: &str) -> String {
    talk::held_subject(&format!("free_{name}"))
}
