//! The streams and key-value buckets: their names, subjects, settings, and how they are created.
//!
//! A subject carries ids only, never user text, and exactly one subject stands for one bucket,
//! because JetStream serves consumers with a literal filter far faster than any other.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{Context, kv};
use futures_util::{StreamExt, TryStreamExt};
use model::{BucketId, GroupId, OutputId};

use crate::{Error, Options};

pub(crate) mod shards;

/// How long JetStream remembers message ids, to store a webhook once however often it is published.
pub const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// How many consumers a stream may have. The server's own default is 1,000.
pub const CONSUMERS_MAX: i32 = 20_000;
/// How long pieces of large ephemeral bodies and ephemeral events are kept: the longest window
/// that memory is spent on.
pub const EPHEMERAL_AGE_MAX: Duration = Duration::from_secs(3600);
/// How many revisions of a directory record are kept.
pub const DIRECTORY_HISTORY: i64 = 10;
/// How long webhooks for inputs that don't exist are kept. None is ever read; but a stream that
/// drops its oldest message with every new one is measurably slower than those of events.
const VOID_AGE_MAX: Duration = Duration::from_secs(600);
/// How much they may take on disk, in bytes.
const VOID_BYTES_MAX: i64 = 256 * 1024 * 1024;

/// After which time what is not said again is forgotten.
const PRESENCE_AGE_MAX: Duration = Duration::from_secs(60);

/// How long is known how far a replay was.
const REPLAY_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// How many streams are created side by side: each is some writes to disk, and one that waits for
/// all the others could wait longer than its request may take.
const SIDE_BY_SIDE_MAX: usize = 4;

/// How many messages of a data key may wait to be erased; more would be dropped by JetStream, and
/// their bytes stay in a file.
const KEYRING_HISTORY: i64 = 64;

/// The stream of webhooks for inputs that do not exist.
pub(crate) const VOID: &str = "VOID";
/// Its subject.
pub(crate) const VOID_SUBJECT: &str = "void";
/// The key-value buckets.
pub(crate) const DIRECTORY: &str = "directory";
/// Data keys, wrapped.
pub(crate) const KEYRING: &str = "keyring";
/// Who is there now.
pub(crate) const PRESENCE: &str = "presence";
/// How far replays are.
pub(crate) const REPLAY: &str = "replay";
/// Hashes of token secrets.
pub(crate) const CREDENTIAL: &str = "credential";
/// Certificates that are ordered for domains.
pub(crate) const CERTIFICATE: &str = "certificate";

/// Where things of a bucket lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    pub(crate) shards: u16,
}

impl Layout {
    /// The shard of a bucket: the same everywhere and always.
    pub(crate) fn shard(&self, bucket: BucketId) -> u16 {
        // A version 4 UUID is random; its low bits are as good as a hash of it.
        let low = bucket.0.as_u128() & u128::from(u32::MAX);
        u16::try_from(low % u128::from(self.shards)).unwrap_or(0)
    }

    pub(crate) fn event_stream(&self, bucket: BucketId, ephemeral: bool) -> String {
        if ephemeral { "EPHEMERAL".to_owned() } else { format!("EVENT_{}", self.shard(bucket)) }
    }

    pub(crate) fn event_subject(&self, bucket: BucketId, ephemeral: bool) -> String {
        if ephemeral {
            format!("ephemeral.{}", bucket.0.simple())
        } else {
            format!("event.{}.{}", self.shard(bucket), bucket.0.simple())
        }
    }

    pub(crate) fn chunk_stream(&self, ephemeral: bool) -> &'static str {
        if ephemeral { "EPHEMERAL_CHUNK" } else { "CHUNK" }
    }

    pub(crate) fn chunk_subject(&self, bucket: BucketId, ephemeral: bool) -> String {
        let kind = if ephemeral { "ephemeral_chunk" } else { "chunk" };
        format!("{kind}.{}", bucket.0.simple())
    }

    pub(crate) fn fact_stream(&self, bucket: BucketId) -> String {
        format!("FACT_{}", self.shard(bucket))
    }

    pub(crate) fn fact_subject(&self, bucket: BucketId, output: OutputId, group: GroupId) -> String {
        let (bucket, output, group) = (bucket.0.simple(), output.0.simple(), group.0.simple());
        format!("fact.{}.{bucket}.{output}.{group}", self.shard_of(bucket.as_uuid()))
    }

    /// Answers lie among the facts, where no reader of facts looks.
    pub(crate) fn answer_subject(&self, bucket: BucketId) -> String {
        format!("answer.{}.{}", self.shard(bucket), bucket.0.simple())
    }

    fn shard_of(&self, bucket: &uuid::Uuid) -> u16 {
        self.shard(BucketId(*bucket))
    }
}

/// Creates every stream and bucket that is not there, and brings the settings of the others up to date.
///
/// # Errors
/// When NATS does not answer or refuses; the caller tries again. [`Error::OtherShards`] before
/// anything is made, where everything was set up before: the keyring is what is made last.
pub(crate) async fn provision(context: &Context, options: &Options) -> Result<(), Error> {
    let mut keyring = keyring(options);
    if let Some(stream) = shards::find(context, &keyring.name).await? {
        let config = &stream.cached_info().config;
        shards::check_all(context, config, options.shards).await?;
        // One that an earlier version made forbids it, and nothing takes that back.
        keyring.deny_delete = config.deny_delete;
    }
    let streams = futures_util::stream::iter(streams(options)).map(Ok).try_for_each_concurrent(
        SIDE_BY_SIDE_MAX,
        async |config| {
            let made = context.create_or_update_stream(config).await;
            made.map(|_| ()).map_err(|e| Error::unavailable("create a stream", e))
        },
    );
    streams.await?;
    for config in buckets(options) {
        let made = context.create_or_update_key_value(config).await;
        made.map_err(|e| Error::unavailable("create a key-value bucket", e))?;
    }
    let made = context.create_or_update_stream(keyring).await;
    made.map(|_| ()).map_err(|e| Error::unavailable("create the keyring", e))
}

/// The names of all streams, those of key-value buckets among them.
pub(crate) fn names(options: &Options) -> Vec<String> {
    let streams = streams(options).into_iter().chain([keyring(options)]).map(|stream| stream.name);
    streams.chain(buckets(options).map(|bucket| format!("KV_{}", bucket.bucket))).collect()
}

/// The stream of the key-value bucket of data keys, which differs from others: its messages may be
/// deleted one by one, because only that overwrites them on disk, and none goes before that.
fn keyring(options: &Options) -> Config {
    Config {
        max_age: Duration::ZERO,
        max_messages_per_subject: KEYRING_HISTORY,
        max_consumers: -1,
        allow_rollup: true,
        metadata: [(shards::ENTRY.to_owned(), options.shards.to_string())].into(),
        ..stream(options, &format!("KV_{KEYRING}"), &format!("$KV.{KEYRING}.>"))
    }
}

fn streams(options: &Options) -> Vec<Config> {
    let mut all = Vec::new();
    for shard in 0..options.shards {
        all.push(Config {
            duplicate_window: DUPLICATE_WINDOW,
            ..stream(options, &format!("EVENT_{shard}"), &format!("event.{shard}.*"))
        });
        let answers = format!("answer.{shard}.*");
        let mut facts = stream(options, &format!("FACT_{shard}"), &format!("fact.{shard}.*.*.*"));
        facts.subjects.push(answers);
        all.push(facts);
    }
    all.push(stream(options, "CHUNK", "chunk.*"));
    for (name, subject) in [("EPHEMERAL", "ephemeral.*"), ("EPHEMERAL_CHUNK", "ephemeral_chunk.*")] {
        all.push(Config {
            storage: StorageType::Memory,
            max_age: EPHEMERAL_AGE_MAX.min(options.retention),
            max_bytes: i64::try_from(options.ephemeral_bytes_max / 2).unwrap_or(i64::MAX),
            duplicate_window: DUPLICATE_WINDOW,
            ..stream(options, name, subject)
        });
    }
    all.push(Config {
        max_age: VOID_AGE_MAX.min(options.retention),
        max_bytes: VOID_BYTES_MAX,
        discard: DiscardPolicy::Old,
        duplicate_window: DUPLICATE_WINDOW,
        ..stream(options, VOID, VOID_SUBJECT)
    });
    all
}

fn stream(options: &Options, name: &str, subject: &str) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_age: options.retention,
        max_bytes: -1,
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: CONSUMERS_MAX,
        num_replicas: options.replicas,
        allow_direct: true,
        allow_message_ttl: true,
        ..Config::default()
    }
}

fn buckets(options: &Options) -> [kv::Config; 5] {
    let bucket = |name: &str, history| kv::Config {
        bucket: name.to_owned(),
        history,
        storage: StorageType::File,
        num_replicas: options.replicas,
        ..kv::Config::default()
    };
    // A key that is gone must be gone: only the directory keeps earlier revisions.
    let presence = kv::Config { storage: StorageType::Memory, max_age: PRESENCE_AGE_MAX, ..bucket(PRESENCE, 1) };
    let replay = kv::Config { storage: StorageType::Memory, max_age: REPLAY_AGE_MAX, ..bucket(REPLAY, 1) };
    let directory = bucket(DIRECTORY, DIRECTORY_HISTORY);
    [directory, bucket(CREDENTIAL, 1), bucket(CERTIFICATE, 1), presence, replay]
}

#[cfg(test)]
mod tests;
