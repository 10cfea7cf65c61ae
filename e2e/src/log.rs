//! What is in NATS, read past the relay: events, facts, streams.

use std::collections::BTreeMap;

use anyhow::Context as _;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::jetstream::{self, Context};
use futures_util::{StreamExt, TryStreamExt};
use model::fact::{self, Ending, Fact};
use model::{BucketId, EventId, GroupId, OutputId};
use uuid::Uuid;

use crate::nats::Access;
use crate::wait::until;

/// How many messages are read at a time.
const BATCH: usize = 1000;

/// A reader of everything in one NATS.
pub struct Log {
    context: Context,
}

/// A fact and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The output.
    pub output: OutputId,
    /// The group.
    pub group: GroupId,
    /// What happened.
    pub fact: Fact,
}

impl Log {
    /// Connects.
    ///
    /// # Errors
    /// When NATS cannot be reached.
    pub async fn open(access: &Access) -> anyhow::Result<Self> {
        Ok(Self { context: jetstream::new(access.connect().await?) })
    }

    /// How many events of a bucket are in the log, on disk or in memory.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn events(&self, bucket: BucketId) -> anyhow::Result<usize> {
        let id = bucket.0.simple();
        let mut count = 0;
        for (prefix, subject) in [("EVENT_", format!("event.*.{id}")), ("EPHEMERAL", format!("ephemeral.{id}"))] {
            for stream in self.streams(prefix).await? {
                let mut subjects = stream.info_with_subjects(subject.as_str()).await?;
                while let Some((_, messages)) = subjects.try_next().await? {
                    count += messages;
                }
            }
        }
        Ok(count)
    }

    /// How many events of a bucket the servers that lead their streams can read: those that are on disk
    /// and not damaged.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn readable_events(&self, bucket: BucketId) -> anyhow::Result<usize> {
        let ending = format!(".{}", bucket.0.simple());
        let mut count = 0;
        for stream in self.streams("EVENT_").await? {
            let state = &stream.cached_info().state;
            for sequence in state.first_sequence..=state.last_sequence {
                let Ok(message) = stream.get_raw_message(sequence).await else { continue };
                count += usize::from(message.subject.ends_with(&ending));
            }
        }
        Ok(count)
    }

    /// Has the log lose the last event of a bucket, as a broken disk might.
    ///
    /// # Errors
    /// When NATS does not answer, or the bucket has none.
    pub async fn lose_last_event(&self, bucket: BucketId) -> anyhow::Result<()> {
        let (stream, last) = self.last(bucket).await?.with_context(|| format!("bucket {bucket} has no events"))?;
        stream.delete_message(last.sequence).await?;
        Ok(())
    }

    /// The last event of a bucket as it lies in the log, if there is one on disk.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn last_event(&self, bucket: BucketId) -> anyhow::Result<Option<StreamMessage>> {
        Ok(self.last(bucket).await?.map(|(_, last)| last))
    }

    async fn last(&self, bucket: BucketId) -> anyhow::Result<Option<(Stream, StreamMessage)>> {
        for stream in self.streams("EVENT_").await? {
            let subject = format!("event.*.{}", bucket.0.simple());
            let first = stream.info_with_subjects(subject.as_str()).await?.try_next().await?;
            if let Some((subject, _)) = first {
                let last = stream.get_last_raw_message_by_subject(&subject).await?;
                return Ok(Some((stream, last)));
            }
        }
        Ok(None)
    }

    /// Every fact of a bucket, each cursor's in order.
    ///
    /// # Errors
    /// When NATS does not answer, or a fact cannot be read.
    pub async fn facts(&self, bucket: BucketId) -> anyhow::Result<Vec<Line>> {
        let subject = format!("fact.*.{}.*.*", bucket.0.simple());
        let mut lines = Vec::new();
        for stream in self.streams("FACT_").await? {
            read(&stream, &subject, &mut lines).await?;
        }
        Ok(lines)
    }

    /// How many cursors (an output and a group) of a bucket have facts.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn cursors_with_facts(&self, bucket: BucketId) -> anyhow::Result<usize> {
        let subject = format!("fact.*.{}.*.*", bucket.0.simple());
        let mut count = 0;
        for stream in self.streams("FACT_").await? {
            count += stream.info_with_subjects(subject.as_str()).await?.try_collect::<Vec<_>>().await?.len();
        }
        Ok(count)
    }

    /// How each event of a bucket ended on one output, for every group that has an ending of it.
    ///
    /// # Errors
    /// As [`Log::facts`].
    pub async fn endings(
        &self,
        bucket: BucketId,
        output: OutputId,
    ) -> anyhow::Result<BTreeMap<(GroupId, EventId), Ending>> {
        let mut endings = BTreeMap::new();
        for line in self.facts(bucket).await?.into_iter().filter(|line| line.output == output) {
            if let Some(ending) = line.fact.ending() {
                // The first ending stands.
                endings.entry((line.group, line.fact.event())).or_insert(ending);
            }
        }
        Ok(endings)
    }

    /// Waits until so many events have ended in this way on an output, over all groups.
    ///
    /// # Errors
    /// When they do not.
    pub async fn until_ended(
        &self,
        bucket: BucketId,
        output: OutputId,
        as_: Ending,
        count: usize,
    ) -> anyhow::Result<()> {
        let what = format!("{count} deliveries ended as {as_:?}");
        until(&what, async || {
            // While a NATS server is away or comes back, a question about its streams may fail.
            let Ok(endings) = self.endings(bucket, output).await else { return Ok(None) };
            let ended = endings.values().filter(|ending| **ending == as_).count();
            Ok((ended >= count).then_some(()))
        })
        .await
    }

    /// The settings of every stream.
    ///
    /// # Errors
    /// When NATS does not answer.
    pub async fn settings(&self) -> anyhow::Result<Vec<Config>> {
        let streams: Vec<_> = self.context.streams().try_collect().await?;
        Ok(streams.into_iter().map(|info| info.config).collect())
    }

    async fn streams(&self, prefix: &str) -> anyhow::Result<Vec<Stream>> {
        let mut names: Vec<String> = self.context.stream_names().try_collect().await?;
        names.retain(|name| name.starts_with(prefix));
        let mut streams = Vec::new();
        for name in names {
            streams.push(self.context.get_stream(name).await?);
        }
        Ok(streams)
    }
}

async fn read(stream: &Stream, subject: &str, lines: &mut Vec<Line>) -> anyhow::Result<()> {
    let mut counts = stream.info_with_subjects(subject).await?;
    if counts.try_next().await?.is_none() {
        return Ok(());
    }
    let config = pull::Config {
        filter_subject: subject.to_owned(),
        ack_policy: AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await?;
    let mut left = consumer.cached_info().num_pending;
    while left > 0 {
        let mut messages = consumer.fetch().max_messages(BATCH).messages().await?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| anyhow::anyhow!(error))?;
            left = left.saturating_sub(1);
            let (output, group) = cursor(&message.subject)?;
            lines.extend(fact::decode(&message.payload)?.into_iter().map(|fact| Line { output, group, fact }));
        }
    }
    stream.delete_consumer(&consumer.cached_info().name).await?;
    Ok(())
}

/// Output and group in `fact.<shard>.<bucket>.<output>.<group>`.
fn cursor(subject: &str) -> anyhow::Result<(OutputId, GroupId)> {
    let mut parts = subject.split('.').skip(3).map(Uuid::parse_str);
    let mut next = || -> anyhow::Result<Uuid> { Ok(parts.next().with_context(|| format!("subject {subject}"))??) };
    Ok((OutputId(next()?), GroupId(next()?)))
}
