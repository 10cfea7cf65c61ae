//! What the processes that work with a cursor say to each other: that they come, are there, and leave, and what
//! they have in hand.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use uuid::Uuid;

use super::Cursor;
use crate::{Error, Store};

/// What a process that attaches to a cursor says when it asks whether another works with it.
pub(super) const ATTACHES: &[u8] = b"attaches";
/// What one that only wants to know says.
pub(super) const ASKS: &[u8] = b"";
/// What a process says before its name: once it has attached, when another asks, and when it leaves.
const ATTACHED: &str = "attached ";
const HOLDS: &str = "holds ";
const LEAVES: &str = "leaves ";
/// What it says before its name when it asks what everyone has in hand, and when it says so itself.
const SEEKS: &str = "seeks ";
const HAS: &str = "has ";
/// How long another process is given to say that it works with a cursor. One that is stopped or
/// cut off does not say so; its events come after [`ACK_WAIT`](super::ACK_WAIT).
pub(super) const HELD_WAIT: Duration = Duration::from_millis(500);

/// Where processes ask each other about a cursor.
pub(super) fn held_subject(name: &str) -> String {
    format!("cursor.held.{name}")
}

/// Whether another process works with a cursor.
#[derive(Clone, Copy)]
pub(super) enum Held {
    /// Nobody does.
    Free,
    /// One does, and most say their name; or nobody knows: then nothing is taken from it.
    By(Option<Uuid>),
}

/// Whether another process works with the cursor. When in doubt, yes.
pub(super) async fn is_held(store: &Store, name: &str, why: &'static [u8]) -> bool {
    matches!(held(store, name, why).await, Held::By(_))
}

/// Whether another process works with the cursor, and the name of the first that says so.
pub(super) async fn held(store: &Store, name: &str, why: &'static [u8]) -> Held {
    let request = async_nats::Request::new().payload(Bytes::from_static(why)).timeout(Some(HELD_WAIT));
    match store.inner.client.send_request(held_subject(name), request).await {
        Ok(answer) => Held::By(said_name(&answer, HOLDS)),
        Err(error) if error.kind() == RequestErrorKind::NoResponders => Held::Free,
        Err(_) => Held::By(None),
    }
}

/// Says that a process has attached: of two that ask at the same moment neither hears the other, but
/// one of them hears this, and what it answers everyone hears.
pub(super) async fn announce(store: &Store, name: &str, own: Uuid) -> Result<(), Error> {
    let subject = held_subject(name);
    let said = store.inner.client.publish_with_reply(subject.clone(), subject, format!("{ATTACHED}{own}").into());
    said.await.map_err(|e| Error::unavailable("attach to a cursor", e))
}

/// Says that a process leaves.
pub(super) async fn take_leave(store: &Store, name: &str, own: Uuid) {
    // Who does not hear it lets a process go first that is not there: that costs time.
    let _ = store.inner.client.publish(held_subject(name), format!("{LEAVES}{own}").into()).await;
}

/// Asks what everyone has in hand.
pub(super) async fn ask_in_hand(store: &Store, name: &str, own: Uuid, reply: String) -> Result<(), Error> {
    let asked = store.inner.client.publish_with_reply(held_subject(name), reply, format!("{SEEKS}{own}").into());
    asked.await.map_err(|e| Error::unavailable("look for what another left", e))
}

/// What a process says that has the events of these places in hand.
pub(super) fn say_in_hand(own: Uuid, places: impl Iterator<Item = u64>) -> String {
    places.fold(format!("{HAS}{own}"), |text, place| format!("{text} {place}"))
}

/// Who has what in hand, as it says.
pub(super) fn in_hand(payload: &[u8]) -> Option<(Uuid, Vec<u64>)> {
    let mut words = std::str::from_utf8(payload).ok()?.strip_prefix(HAS)?.split(' ');
    let name = words.next()?.parse().ok()?;
    let places: Result<_, _> = words.map(str::parse).collect();
    Some((name, places.ok()?))
}

/// What a message among the processes of a cursor says.
pub(super) enum Said {
    /// Another process has attached.
    Attached(Uuid),
    /// Another process is about to attach.
    Attaches,
    /// Another process works with the cursor; an earlier version does not say its name.
    Holds(Option<Uuid>),
    /// Another process leaves; or this one, as another says that takes it for gone.
    Left(Uuid),
    /// Another process wants to know what everyone has in hand.
    Seeks(Uuid),
    /// A question from one that only wants to know.
    Question,
}

/// Reads a message.
pub(super) fn said(message: &async_nats::Message) -> Said {
    let name = |word| said_name(message, word);
    match (name(ATTACHED), name(LEAVES), name(SEEKS)) {
        (Some(name), ..) => Said::Attached(name),
        (_, Some(name), _) => Said::Left(name),
        (.., Some(name)) => Said::Seeks(name),
        _ if message.reply.is_none() => Said::Holds(name(HOLDS)),
        _ if message.payload.as_ref() == ATTACHES => Said::Attaches,
        _ => Said::Question,
    }
}

/// The name that stands behind a word.
fn said_name(message: &async_nats::Message, word: &str) -> Option<Uuid> {
    std::str::from_utf8(&message.payload).ok()?.strip_prefix(word)?.parse().ok()
}

/// Answers another process that asked, by name if this one has any.
pub(super) async fn say_held(store: &Store, question: async_nats::Message, own: Option<Uuid>) {
    let Some(reply) = question.reply else { return };
    let text = own.map(|own| format!("{HOLDS}{own}")).unwrap_or_default();
    if let Err(error) = store.inner.client.publish(reply, text.into()).await {
        warn!(%error, "another dispatcher could not be told that a cursor is held");
    }
}

impl Cursor {
    /// Whether no other process works with the cursor. When in doubt, no.
    pub(super) async fn is_alone(&mut self) -> Result<bool, Error> {
        if !self.peers().is_shared() {
            // Another may have come while nothing reached us; it hears this, and says so.
            announce(&self.store, &self.name, self.peers().own()).await?;
            let end = Instant::now() + HELD_WAIT;
            while let Ok(Some(message)) = timeout_at(end, self.held.next()).await {
                self.asked(message).await;
            }
        }
        Ok(!self.peers().is_shared())
    }

    /// Takes in what another process said, or this one itself.
    pub(super) async fn asked(&mut self, message: async_nats::Message) {
        let (said, own) = (said(&message), self.peers().own());
        let peers = self.position.peers_mut();
        match said {
            Said::Left(name) if name == own => return self.was_taken_for_gone().await,
            Said::Attached(name) | Said::Seeks(name) | Said::Holds(Some(name)) if name == own => return,
            Said::Seeks(name) => {
                peers.found(Some(name));
                return self.say_in_hand(message).await;
            }
            Said::Attached(name) => peers.came(name),
            Said::Attaches => peers.comes(),
            Said::Holds(name) => peers.found(name),
            Said::Left(name) => peers.left(name),
            Said::Question => {}
        }
        say_held(&self.store, message, Some(own)).await;
    }
}
