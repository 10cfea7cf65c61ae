//! Pull requests of a cursor, and what NATS says to them.
//!
//! One subscription takes the replies to all requests of a cursor. It has no buffer of its own and a
//! request needs no heartbeat, so an idle cursor costs little; and it goes away with the cursor, so that a
//! request that still stands then brings nothing to a process that no longer listens.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::{Client, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use model::{EventId, InputId, UnixMs};
use tracing::error;

use super::{PULL_BYTES_MAX, Receipt};
use crate::Error;
use crate::event::Meta;

/// More messages than NATS counts up to. Told to take a subscription away after so many, it does so
/// at once, while our client goes on listening.
const UNCOUNTABLE: u64 = u64::MAX;

/// What NATS says to a cursor.
pub(super) enum Signal {
    /// An event.
    Message(Box<Message>),
    /// A pull request is over and leaves so many events that it could still have brought.
    Over {
        /// How many.
        left: usize,
    },
    /// The consumer is not there.
    NoConsumer,
    /// The request was refused for a reason that passes.
    Refused,
    /// A message that is no event.
    Stranger(Receipt),
    /// Nothing to act on.
    Nothing,
}

/// An event as it was given out.
#[derive(Clone, Debug)]
pub struct Message {
    /// The event.
    pub event: EventId,
    /// The input that it came by.
    pub input: InputId,
    /// What stands beside it in clear.
    pub meta: Meta,
    /// The event as it lies in the log.
    pub payload: Bytes,
    /// What to acknowledge it by.
    pub receipt: Receipt,
    /// The consumer's number of this handing-out; it only grows.
    pub delivered: u64,
    /// How often this event was given out by this consumer.
    pub times: i64,
    /// Its sequence in the stream.
    pub place: u64,
    /// When JetStream stored it.
    pub stored_at: UnixMs,
    /// How many events the stream still had for the consumer after this one.
    pub pending: u64,
}

/// The pull requests of a cursor.
pub(super) struct Pulls {
    client: Client,
    inbox: String,
    replies: Subscriber,
    /// What has come and was looked at, and is to be heard next.
    ahead: VecDeque<async_nats::Message>,
    /// Stands in the reply subject of each request. What NATS says of the end of earlier requests is
    /// not heard any more.
    generation: u64,
}

impl Pulls {
    /// Subscribes to the replies.
    pub(super) async fn new(client: Client) -> Result<Self, Error> {
        let inbox = client.new_inbox();
        let replies = client.subscribe(format!("{inbox}.*")).await.map_err(|e| Error::unavailable("subscribe", e))?;
        Ok(Self { client, inbox, replies, ahead: VecDeque::new(), generation: 0 })
    }

    /// The requests that were made are over, or do not count any more; events that they bring do.
    pub(super) fn renew(&mut self) {
        self.generation += 1;
    }

    /// Asks a consumer for up to `batch` events: those that come while the request stands, or those that
    /// are there now if it does not.
    pub(super) async fn request(
        &self,
        stream: &str,
        consumer: &str,
        batch: usize,
        stands: Option<Duration>,
    ) -> Result<(), Error> {
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let until = match stands {
            None => r#""no_wait":true"#.to_owned(),
            Some(expires) => format!(r#""expires":{}"#, expires.as_nanos()),
        };
        let payload = format!(r#"{{"batch":{batch},"max_bytes":{PULL_BYTES_MAX},{until}}}"#);
        let reply = format!("{}.{}", self.inbox, self.generation);
        let sent = self.client.publish_with_reply(subject, reply, payload.into()).await;
        sent.map_err(|e| Error::unavailable("ask for events", e))
    }

    /// Waits for what NATS says next; `None` when the connection was given up.
    pub(super) async fn next(&mut self) -> Option<Signal> {
        let message = self.next_message().await?;
        let generation = message.subject.rsplit('.').next().and_then(|last| last.parse().ok());
        let is_earlier = message.status.is_some() && generation != Some(self.generation);
        Some(if is_earlier { Signal::Nothing } else { signal(message) })
    }

    /// The places of the events that have come and were not heard yet.
    pub(super) fn look_ahead(&mut self) -> Vec<u64> {
        while let Some(Some(message)) = self.replies.next().now_or_never() {
            self.ahead.push_back(message);
        }
        let receipts = self.ahead.iter().filter_map(|message| message.reply.as_deref());
        receipts.filter_map(|receipt| Numbers::parse(receipt).map(|numbers| numbers.place)).collect()
    }

    /// Forgets the events that have come and were not heard yet; returns how many.
    pub(super) fn forget_ahead(&mut self) -> usize {
        let events = self.look_ahead().len();
        self.ahead.retain(|message| message.reply.is_none());
        events
    }

    /// Has NATS take the subscription away, and with it the standing requests. What it gave out
    /// before is still heard: the client's own ways to unsubscribe, its `drain` too, drop what arrives
    /// after them, and NATS would wait for its acknowledgement.
    pub(super) async fn stop(&mut self) {
        // Without a connection there is nothing to take away.
        let _ = self.replies.unsubscribe_after(UNCOUNTABLE).await;
    }

    /// Stops listening, and returns what came unheard.
    pub(super) async fn close(&mut self) -> Vec<Receipt> {
        let mut unheard = Vec::new();
        if self.replies.unsubscribe().await.is_err() {
            return unheard;
        }
        while let Some(message) = self.next_message().await {
            if let Signal::Message(message) = signal(message) {
                unheard.push(message.receipt);
            }
        }
        unheard
    }

    async fn next_message(&mut self) -> Option<async_nats::Message> {
        match self.ahead.pop_front() {
            Some(message) => Some(message),
            None => self.replies.next().await,
        }
    }
}

fn signal(message: async_nats::Message) -> Signal {
    if let Some(status) = message.status {
        return status_signal(status, &message);
    }
    let Some(reply) = message.reply.clone() else { return Signal::Nothing };
    match event(message) {
        Some(message) => Signal::Message(Box::new(message)),
        None => {
            error!(%reply, "a message in an event stream is no event; it is passed over");
            Signal::Stranger(Receipt(reply))
        }
    }
}

fn status_signal(status: StatusCode, message: &async_nats::Message) -> Signal {
    let left = || {
        let pending = message.headers.as_ref().and_then(|h| h.get("Nats-Pending-Messages"));
        pending.and_then(|p| p.as_str().parse().ok()).unwrap_or(usize::MAX)
    };
    let description = message.description.as_deref().unwrap_or_default();
    match status {
        // Of heartbeats or flow control, which nobody asked for.
        StatusCode::IDLE_HEARTBEAT => Signal::Nothing,
        StatusCode::NO_RESPONDERS => Signal::NoConsumer,
        StatusCode::NOT_FOUND | StatusCode::TIMEOUT => Signal::Over { left: left() },
        _ if description.contains("Consumer Deleted") => Signal::NoConsumer,
        _ if description.contains("MaxBytes") || description.contains("Completed") => Signal::Over { left: left() },
        _ => Signal::Refused,
    }
}

fn event(message: async_nats::Message) -> Option<Message> {
    let headers = message.headers.as_ref()?;
    let (event, input, meta) = Meta::read(headers)?;
    let reply = message.reply.clone()?;
    let payload = message.payload.clone();
    let numbers = Numbers::parse(&reply)?;
    Some(Message {
        event,
        input,
        meta,
        payload,
        receipt: Receipt(reply),
        delivered: numbers.delivered,
        times: numbers.times,
        place: numbers.place,
        stored_at: numbers.stored_at,
        pending: numbers.pending,
    })
}

/// What an acknowledgement subject says of a message. Its form is
/// `$JS.ACK.<stream>.<consumer>.<times>.<stream sequence>.<consumer sequence>.<time>.<pending>`,
/// or with domain and account after `ACK` and a random part at the end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    delivered: u64,
    times: i64,
    pub(super) place: u64,
    stored_at: UnixMs,
    pending: u64,
}

impl Numbers {
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let parts: Vec<&str> = reply.split('.').collect();
        let first = match parts.len() {
            9 => 4,
            11.. => 6,
            _ => return None,
        };
        let nanos: u64 = parts.get(first + 3)?.parse().ok()?;
        Some(Self {
            times: parts.get(first)?.parse().ok()?,
            place: parts.get(first + 1)?.parse().ok()?,
            delivered: parts.get(first + 2)?.parse().ok()?,
            stored_at: UnixMs(nanos / 1_000_000),
            pending: parts.get(first + 4)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgement_subjects_of_both_forms_are_read() {
        let expected = Numbers { delivered: 7, times: 2, place: 100, stored_at: UnixMs(1_700_000_000_123), pending: 5 };
        let short = "$JS.ACK.EVENT_1.name.2.100.7.1700000000123456789.5";
        let long = "$JS.ACK.dom.hash.EVENT_1.name.2.100.7.1700000000123456789.5.rnd";
        assert_eq!(Numbers::parse(short), Some(expected));
        assert_eq!(Numbers::parse(long).map(|n| (n.delivered, n.pending)), Some((7, 5)));
        assert_eq!(Numbers::parse("$JS.ACK.x"), None);
    }
}
