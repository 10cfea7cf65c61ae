//! What the processes that work with a cursor say to each other: that they come, are there, and leave.

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
/// How long another process is given to say that it works with a cursor. One that is stopped or
/// cut off does not say so; its events come after [`ACK_WAIT`](super::ACK_WAIT).
pub(super) const HELD_WAIT: Duration = Duration::from_millis(500);

/// Where processes ask each other about a cursor.
pub(super) fn held_subject(name: &str) -> String {
    format!("cursor.held.{name}")
}

/// Whether another process works with the cursor. When in doubt, yes: then nothing is taken from it.
pub(super) async fn is_held(store: &Store, name: &str, why: &'static [u8]) -> bool {
    let request = async_nats::Request::new().payload(Bytes::from_static(why)).timeout(Some(HELD_WAIT));
    match store.inner.client.send_request(held_subject(name), request).await {
        Ok(_) => true,
        Err(error) => error.kind() != RequestErrorKind::NoResponders,
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

/// What a message among the processes of a cursor says.
pub(super) enum Said {
    /// Another process has attached.
    Attached(Uuid),
    /// Another process is about to attach.
    Attaches,
    /// Another process works with the cursor; an earlier version does not say its name.
    Holds(Option<Uuid>),
    /// Another process leaves.
    Left(Uuid),
    /// A question from one that only wants to know.
    Question,
}

/// Reads a message.
pub(super) fn said(message: &async_nats::Message) -> Said {
    let text = std::str::from_utf8(&message.payload).unwrap_or_default();
    let name = |word| text.strip_prefix(word).and_then(|name| name.parse().ok());
    match (name(ATTACHED), name(LEAVES)) {
        (Some(name), _) => Said::Attached(name),
        (_, Some(name)) => Said::Left(name),
        _ if message.reply.is_none() => Said::Holds(name(HOLDS)),
        _ if message.payload.as_ref() == ATTACHES => Said::Attaches,
        _ => Said::Question,
    }
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
            Said::Attached(name) | Said::Left(name) | Said::Holds(Some(name)) if name == own => return,
            Said::Attached(name) => peers.came(name),
            Said::Attaches => peers.comes(),
            Said::Holds(name) => peers.found(name),
            Said::Left(name) => peers.left(name),
            Said::Question => {}
        }
        say_held(&self.store, message, Some(own)).await;
    }
}
