//! Follows everything that is appended, for whoever keeps a picture of it: the heads of all events,
//! without what is sealed, and all facts.
//!
//! Each stream is followed on its own, from where its reader is. Nothing is ordered between
//! streams: a fact may be told before the head of its event. After a break the same is told again
//! from the last position on, and a stream that was made anew is told from its beginning.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::{self};
use futures_util::StreamExt;
use futures_util::future::join_all;
use model::fact::{self, Fact};
use model::{BucketId, EventId, GroupId, InputId, OutputId};
use telemetry::{Seldom, Stop};
use tokio::sync::mpsc;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::client::chain;
use crate::event::Meta;
use crate::watching::AGAIN_WAIT;
use crate::{Error, Store};

/// How many things may be told and not yet heard; the streams keep the rest.
const TOLD_MAX: usize = 4096;

/// A stream that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The events of a shard.
    Events(u16),
    /// All events that are kept in memory only.
    Ephemeral,
    /// The facts of a shard.
    Facts(u16),
}

/// How far a stream was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// When the stream was made, in nanoseconds since the Unix epoch: another one of the same name
    /// counts from the start.
    pub made_at: i64,
    /// The sequence of the last message that was read.
    pub sequence: u64,
}

/// Something that is told of a stream.
#[derive(Clone, Debug)]
pub struct Told {
    /// Of which stream.
    pub source: Source,
    /// Where its reader is once it has taken this in.
    pub position: Position,
    /// What is told.
    pub what: What,
}

/// What is told of a stream.
#[derive(Clone, Debug)]
pub enum What {
    /// It is followed from the position on.
    Followed {
        /// How long it keeps what is in it.
        retention: Duration,
        /// Whether the reader knew another stream of this name, or more of it than there is.
        is_other: bool,
    },
    /// An event was appended.
    Event(Box<Head>),
    /// Facts were appended.
    Facts {
        /// The bucket.
        bucket: BucketId,
        /// The output.
        output: OutputId,
        /// The group.
        group: GroupId,
        /// The facts, in order.
        facts: Vec<Fact>,
    },
    /// A message that this version cannot read.
    Unreadable,
    /// Everything that was there was told.
    CaughtUp,
}

/// What is known of an event without opening it. Its place is the position's sequence.
#[derive(Clone, Debug)]
pub struct Head {
    /// The bucket.
    pub bucket: BucketId,
    /// The event.
    pub event: EventId,
    /// The input that it came by.
    pub input: InputId,
    /// What stands beside it in clear.
    pub meta: Meta,
}

/// Follows all streams; what it tells comes out of the receiver that was made with it.
pub struct Feed {
    store: Store,
    from: HashMap<Source, Position>,
    tx: mpsc::Sender<Told>,
}

impl Feed {
    /// A feed that begins after these positions; at the beginning of streams that are not named.
    pub fn new(store: &Store, from: HashMap<Source, Position>) -> (Self, mpsc::Receiver<Told>) {
        let (tx, rx) = mpsc::channel(TOLD_MAX);
        (Self { store: store.clone(), from, tx }, rx)
    }

    /// Follows until told to stop, or nobody listens any more.
    pub async fn run(self, stop: &Stop) {
        let all = sources(&self.store).into_iter().map(|source| self.follow(source));
        tokio::select! {
            () = stop.given() => {}
            () = self.tx.closed() => {}
            _ = join_all(all) => {}
        }
    }

    async fn follow(&self, source: Source) {
        let mut position = self.from.get(&source).copied().unwrap_or_default();
        let mut failures = Seldom::default();
        loop {
            match self.try_follow(source, &mut position).await {
                Ok(()) if self.tx.is_closed() => return,
                Ok(()) => {}
                Err(error) if failures.is_due() => warn!(%source, error = chain(&error), "a stream is followed again"),
                Err(error) => debug!(%source, error = chain(&error), "a stream is followed again"),
            }
            tokio::time::sleep(AGAIN_WAIT).await;
        }
    }

    /// Follows a stream until there is a break, or nobody listens any more.
    async fn try_follow(&self, source: Source, position: &mut Position) -> Result<(), Error> {
        let what = "follow a stream";
        let context = &self.store.inner.context;
        let stream = context.get_stream(source.stream()).await.map_err(|e| Error::unavailable(what, e))?;
        let info = stream.cached_info();
        let made_at = i64::try_from(info.created.unix_timestamp_nanos()).unwrap_or(0);
        let known = *position;
        let is_other =
            known != Position::default() && (known.made_at != made_at || known.sequence > info.state.last_sequence);
        *position = Position { made_at, sequence: if is_other { 0 } else { known.sequence } };
        if !self.tell(source, *position, What::Followed { retention: info.config.max_age, is_other }).await {
            return Ok(());
        }
        let config = OrderedConfig {
            filter_subject: source.subjects(),
            headers_only: !matches!(source, Source::Facts(_)),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: position.sequence + 1 },
            replay_policy: ReplayPolicy::Instant,
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|e| Error::unavailable(what, e))?;
        if consumer.cached_info().num_pending == 0 && !self.tell(source, *position, What::CaughtUp).await {
            return Ok(());
        }
        let mut messages = consumer.messages().await.map_err(|e| Error::unavailable(what, e))?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|e| Error::unavailable(what, e))?;
            let info = message.info().map_err(|e| Error::unavailable(what, e))?;
            position.sequence = info.stream_sequence;
            let is_last = info.pending == 0;
            if !self.tell(source, *position, read(source, &message)).await {
                return Ok(());
            }
            if is_last && !self.tell(source, *position, What::CaughtUp).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether somebody listens.
    async fn tell(&self, source: Source, position: Position, what: What) -> bool {
        self.tx.send(Told { source, position, what }).await.is_ok()
    }
}

/// Every stream of events and facts.
pub fn sources(store: &Store) -> Vec<Source> {
    let shards = 0..store.inner.layout.shards;
    shards.flat_map(|shard| [Source::Events(shard), Source::Facts(shard)]).chain([Source::Ephemeral]).collect()
}

/// Where a bucket's events are told of, and where its facts.
pub fn sources_of(store: &Store, bucket: BucketId, ephemeral: bool) -> (Source, Source) {
    let shard = store.inner.layout.shard(bucket);
    (if ephemeral { Source::Ephemeral } else { Source::Events(shard) }, Source::Facts(shard))
}

impl Source {
    fn stream(self) -> String {
        match self {
            Self::Events(shard) => format!("EVENT_{shard}"),
            Self::Ephemeral => "EPHEMERAL".to_owned(),
            Self::Facts(shard) => format!("FACT_{shard}"),
        }
    }

    /// Answers lie among the facts, and are passed over.
    fn subjects(self) -> String {
        match self {
            Self::Events(shard) => format!("event.{shard}.*"),
            Self::Ephemeral => "ephemeral.*".to_owned(),
            Self::Facts(shard) => format!("fact.{shard}.*.*.*"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stream())
    }
}

/// A text that names no stream.
#[derive(Debug, thiserror::Error)]
#[error("not a stream of events or facts")]
pub struct UnknownSource;

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let shard = |text: &str| text.parse().map_err(|_| UnknownSource);
        match text.split_once('_') {
            None if text == "EPHEMERAL" => Ok(Self::Ephemeral),
            Some(("EVENT", number)) => Ok(Self::Events(shard(number)?)),
            Some(("FACT", number)) => Ok(Self::Facts(shard(number)?)),
            None | Some(_) => Err(UnknownSource),
        }
    }
}

fn read(source: Source, message: &jetstream::Message) -> What {
    let mut ids = message.subject.split('.').filter_map(|part| Uuid::try_parse(part).ok());
    let told = match source {
        Source::Events(_) | Source::Ephemeral => head(ids.next(), message).map(|head| What::Event(Box::new(head))),
        Source::Facts(_) => facts([ids.next(), ids.next(), ids.next()], message),
    };
    told.unwrap_or_else(|| {
        warn!(%source, subject = %message.subject, "a message cannot be read and is passed over");
        What::Unreadable
    })
}

/// What stands beside an event; nothing for a message that is none.
pub(crate) fn head(bucket: Option<Uuid>, message: &jetstream::Message) -> Option<Head> {
    let bucket = BucketId(bucket?);
    let (event, input, meta) = Meta::read(message.headers.as_ref()?)?;
    Some(Head { bucket, event, input, meta })
}

fn facts(ids: [Option<Uuid>; 3], message: &jetstream::Message) -> Option<What> {
    let [Some(bucket), Some(output), Some(group)] = ids else { return None };
    let facts = fact::decode(&message.payload).ok()?;
    Some(What::Facts { bucket: BucketId(bucket), output: OutputId(output), group: GroupId(group), facts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_source_reads_back() {
        for source in [Source::Events(0), Source::Events(255), Source::Ephemeral, Source::Facts(7)] {
            assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
        }
        for text in ["", "EVENT", "EVENT_", "EVENT_x", "FACT_70000", "EPHEMERAL_CHUNK", "VOID"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
