//! The log of what happened to deliveries: appended, and read back to fold.

use std::time::Duration;

use async_nats::datetime::from_nanos;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use futures_util::StreamExt;
use model::fact::{self, Ending, Fact};
use model::progress::Progress;
use model::{BucketId, GroupId, OutputId, UnixMs};
use tokio::time::timeout;
use tracing::error;
use uuid::Uuid;

use crate::layout::Layout;
use crate::publish::{Publication, Publisher};
use crate::unreadable::{Unreadable, What};
use crate::{Error, get};

/// How long an append is tried before its caller is told.
const APPEND_BUDGET: Duration = Duration::from_secs(4);
/// Has a message refused unless the last one of its subject has this sequence.
pub(crate) const EXPECTED_LAST: &str = "Nats-Expected-Last-Subject-Sequence";
/// How long the next message of a read is waited for.
const READ_WAIT: Duration = Duration::from_secs(5);
/// How long a reader of the log may take to be made, and to say something, before another is made
/// instead, and how often.
const READER_WAIT: Duration = Duration::from_secs(2);
const READER_TRIES: usize = 4;

/// Whose facts: the deliveries of a group on an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CursorKey {
    /// The bucket of the output.
    pub bucket: BucketId,
    /// The output.
    pub output: OutputId,
    /// The group.
    pub group: GroupId,
    /// Whether the bucket's events are kept in memory only. Its facts are kept like others.
    pub ephemeral: bool,
}

/// From where facts are read.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// From this time on.
    Time(UnixMs),
    /// After this sequence.
    After(u64),
}

/// The log of facts. Clones share it.
#[derive(Clone)]
pub struct Facts {
    layout: Layout,
    publisher: Publisher,
    context: Context,
    unreadable: Unreadable,
}

impl Facts {
    pub(crate) fn new(layout: Layout, publisher: Publisher, context: Context, unreadable: Unreadable) -> Self {
        Self { layout, publisher, context, unreadable }
    }

    /// Appends facts, in order, as one message. Done only when the log has acknowledged them.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; appending the same facts again is harmless.
    pub async fn append(&self, key: &CursorKey, facts: &[Fact]) -> Result<(), Error> {
        let publication = Publication {
            what: "append facts",
            subject: self.subject(key),
            id: None,
            headers: &[],
            payload: fact::encode(facts).into(),
        };
        self.publisher.publish(&publication, APPEND_BUDGET).await.map(|_| ())
    }

    /// Appends facts if nothing was appended for this cursor since the message of sequence `last`,
    /// which is 0 when there was none: of several who take the same deliveries, one succeeds.
    ///
    /// # Errors
    /// [`Error::Conflict`] when there is something newer; [`Error::Unavailable`].
    pub async fn append_after(&self, key: &CursorKey, last: u64, facts: &[Fact]) -> Result<(), Error> {
        let publication = Publication {
            what: "append facts",
            subject: self.subject(key),
            // A further try of what was stored the first time is acknowledged as such.
            id: Some(Uuid::new_v4().to_string()),
            headers: &[(EXPECTED_LAST, last.to_string())],
            payload: fact::encode(facts).into(),
        };
        self.publisher.publish(&publication, APPEND_BUDGET).await.map(|_| ())
    }

    /// The sequence of a cursor's last message of facts; 0 when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn last_sequence(&self, key: &CursorKey) -> Result<u64, Error> {
        Ok(self.last(key).await?.map_or(0, |(sequence, _)| sequence))
    }

    /// Applies every fact of a cursor that is in the log now to `progress`, and returns the
    /// sequence of the last; 0 when there is none at all.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn fold(&self, key: &CursorKey, from: From, progress: &mut Progress) -> Result<u64, Error> {
        self.read(key, from, |fact| progress.apply(fact)).await
    }

    /// Calls `each` with every fact of a cursor that is in the log now, in order, and returns the
    /// sequence of the last; 0 when there is none at all. A message that cannot be read is left out:
    /// its deliveries may be made again, which is better than none being made any more.
    ///
    /// # Errors
    /// As [`Facts::fold`].
    pub async fn read(&self, key: &CursorKey, from: From, mut each: impl FnMut(&Fact)) -> Result<u64, Error> {
        let what = "read facts";
        let Some((last, last_at)) = self.last(key).await? else {
            return Ok(0);
        };
        let policy = match from {
            From::After(sequence) if sequence >= last => return Ok(last),
            From::After(sequence) => DeliverPolicy::ByStartSequence { start_sequence: sequence + 1 },
            From::Time(at) if at > last_at => return Ok(last),
            From::Time(at) => DeliverPolicy::ByStartTime { start_time: time(at)? },
        };
        let config = OrderedConfig {
            filter_subject: self.subject(key),
            deliver_policy: policy,
            replay_policy: ReplayPolicy::Instant,
            ..OrderedConfig::default()
        };
        let stream = self.layout.fact_stream(key.bucket);
        let mut messages = self.reader(&config, &stream).await.map_err(|e| Error::unavailable(what, e))?;
        let (mut tries, mut wait) = (READER_TRIES, READER_WAIT);
        loop {
            let message = match timeout(wait, messages.next()).await {
                Ok(Some(message)) => message.map_err(|e| Error::unavailable(what, e))?,
                // It was made, and says nothing.
                Err(_) if wait == READER_WAIT && tries > 1 => {
                    tries -= 1;
                    messages = self.reader(&config, &stream).await.map_err(|e| Error::unavailable(what, e))?;
                    continue;
                }
                Ok(None) | Err(_) => return Err(Error::timed_out(what)),
            };
            wait = READ_WAIT;
            let sequence = message.info().map_err(|e| Error::unavailable(what, e))?.stream_sequence;
            self.decode(&stream, sequence, &message.payload).iter().for_each(&mut each);
            if sequence >= last {
                return Ok(sequence);
            }
        }
    }

    /// A reader of a stream. NATS puts it on any of the servers that have the stream, also on one
    /// that is frozen until it finds that out; the next may then be put on another.
    async fn reader(&self, config: &OrderedConfig, stream: &str) -> Result<Ordered, async_nats::Error> {
        for _ in 1..READER_TRIES {
            let made = self.context.create_consumer_on_stream(config.clone(), stream);
            if let Ok(made) = timeout(READER_WAIT, made).await {
                return Ok(made?.messages().await?);
            }
        }
        Ok(self.context.create_consumer_on_stream(config.clone(), stream).await?.messages().await?)
    }

    /// When a delivery of this cursor ended as sent, if its last message of facts says so.
    ///
    /// # Errors
    /// As [`Facts::fold`].
    pub async fn last_sent(&self, key: &CursorKey) -> Result<Option<UnixMs>, Error> {
        let stream = self.layout.fact_stream(key.bucket);
        let Some(last) = get::last_on(&self.context, &stream, self.subject(key), "read facts").await? else {
            return Ok(None);
        };
        let facts = self.decode(&stream, last.sequence, &last.payload);
        Ok(facts.iter().filter(|fact| fact.ending() == Some(Ending::Sent)).map(Fact::at).max())
    }

    /// The sequence and time of a cursor's last facts.
    pub(crate) async fn last(&self, key: &CursorKey) -> Result<Option<(u64, UnixMs)>, Error> {
        let stream = self.layout.fact_stream(key.bucket);
        let last = get::last_on(&self.context, &stream, self.subject(key), "read facts").await?;
        Ok(last.map(|message| (message.sequence, get::stored_at(&message))))
    }

    fn decode(&self, stream: &str, sequence: u64, payload: &[u8]) -> Vec<Fact> {
        fact::decode(payload).unwrap_or_else(|error| {
            error!(stream, sequence, %error, "a message of facts cannot be read; it is left out");
            self.unreadable.note(What::Fact);
            Vec::new()
        })
    }

    fn subject(&self, key: &CursorKey) -> String {
        self.layout.fact_subject(key.bucket, key.output, key.group)
    }
}

/// A time as JetStream's client wants it.
pub(crate) fn time(at: UnixMs) -> Result<async_nats::datetime::DateTime, Error> {
    from_nanos(i128::from(at.0) * 1_000_000).map_err(|e| Error::unavailable("say a time", e))
}
