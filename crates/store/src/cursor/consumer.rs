//! The consumer behind a cursor: its settings, its creation, and whether its server is there.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, Info};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::ConsumerCreateStrictErrorKind;
use bytes::Bytes;
use model::UnixMs;
use tracing::warn;

use super::takeover::Given;
use super::{ACK_WAIT, UNACKED_MAX};
use crate::fact::{CursorKey, time};
use crate::{Error, Store};

/// How much earlier than the window a new consumer begins, and facts are read: clocks differ.
pub(super) const SLACK: Duration = Duration::from_secs(120);
/// How long a consumer that nobody pulls from is kept beyond the window.
const INACTIVE_SLACK: Duration = Duration::from_secs(900);
/// How long a consumer is given to answer. One on a server that is there takes milliseconds; one
/// that is replaced although it would have answered costs its position, which is a cache.
const REACHED_WAIT: Duration = Duration::from_secs(2);
/// How long it may take until a consumer is deleted that nobody can confirm that of.
const DELETE_WAIT: Duration = Duration::from_millis(500);
/// How often a consumer is made before its cursor is given up for now. NATS puts it on any of the
/// servers that have its stream, also on one that is frozen until it finds that out.
const CREATE_TRIES: usize = 5;

/// The name of a cursor's consumer.
pub(super) fn name(key: &CursorKey) -> String {
    format!("{}_{}", key.output.0.simple(), key.group.0.simple())
}

/// Makes the consumer unless it is there; returns whether it was. One that is there but on a NATS
/// server that is away, and with it for as long as that lasts, is replaced.
pub(super) async fn ensure(
    store: &Store,
    key: &CursorKey,
    stream: &str,
    name: &str,
    window: Duration,
    from: UnixMs,
) -> Result<bool, Error> {
    let config = Config {
        durable_name: Some(name.to_owned()),
        deliver_policy: DeliverPolicy::ByStartTime { start_time: time(from)? },
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_deliver: -1,
        filter_subject: store.inner.layout.event_subject(key.bucket, key.ephemeral),
        max_ack_pending: i64::try_from(UNACKED_MAX).unwrap_or(i64::MAX),
        inactive_threshold: window + INACTIVE_SLACK,
        num_replicas: 1,
        memory_storage: true,
        ..Config::default()
    };
    for _ in 0..CREATE_TRIES {
        match create(store, config.clone(), stream).await? {
            Created::New => return Ok(false),
            // One server alone has it and is there: it has just answered.
            Created::Existed if store.inner.replicas <= 1 => return Ok(true),
            Created::Existed if is_reachable(store, stream, name).await => return Ok(true),
            Created::Existed | Created::Unanswered => {}
        }
        warn!(stream, consumer = name, "a consumer's NATS server is away; the consumer is replaced");
        delete(store, stream, name).await;
    }
    Err(Error::timed_out("create a cursor"))
}

enum Created {
    New,
    Existed,
    /// As when there is one just like it, on a server that is away.
    Unanswered,
}

async fn create(store: &Store, config: Config, stream: &str) -> Result<Created, Error> {
    let created = store.inner.context.create_consumer_strict_on_stream(config, stream);
    // One server that is busy is waited for; of several, another may be asked.
    let wait = if store.inner.replicas > 1 { REACHED_WAIT } else { Duration::MAX };
    let Ok(created) = tokio::time::timeout(wait, created).await else { return Ok(Created::Unanswered) };
    match created {
        Ok(_) => Ok(Created::New),
        Err(error) => match error.kind() {
            ConsumerCreateStrictErrorKind::AlreadyExists => Ok(Created::Existed),
            ConsumerCreateStrictErrorKind::JetStream(e)
                if matches!(e.error_code(), ErrorCode::CONSUMER_ALREADY_EXISTS | ErrorCode::CONSUMER_NAME_EXIST) =>
            {
                Ok(Created::Existed)
            }
            ConsumerCreateStrictErrorKind::TimedOut => Ok(Created::Unanswered),
            _ => Err(Error::unavailable("create a cursor", error)),
        },
    }
}

/// Whether a consumer takes requests. It is asked for something that it must refuse.
pub(super) async fn is_reachable(store: &Store, stream: &str, name: &str) -> bool {
    let request = async_nats::Request::new().payload(Bytes::from_static(b"{")).timeout(Some(REACHED_WAIT));
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
    store.inner.client.send_request(subject, request).await.is_ok()
}

/// What a consumer has given out; `None` when there is none.
pub(super) async fn given(store: &Store, stream: &str, name: &str) -> Result<Option<Given>, Error> {
    let info = info(store, stream, name, "look at what was given out").await?;
    Ok(info.map(|info| Given {
        floor: info.ack_floor.stream_sequence,
        last: info.delivered.stream_sequence,
        delivered: info.delivered.consumer_sequence,
        unacknowledged: u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX),
    }))
}

/// What NATS says of a consumer, to do `what`; `None` when there is none.
pub(super) async fn info(store: &Store, stream: &str, name: &str, what: &'static str) -> Result<Option<Info>, Error> {
    let stream = store.inner.context.get_stream_no_info(stream).await.map_err(|e| Error::unavailable(what, e))?;
    match stream.consumer_info(name).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::unavailable(what, error)),
    }
}

/// Deletes a consumer. Where its server is away nobody confirms that, and it is done all the same.
async fn delete(store: &Store, stream: &str, name: &str) {
    let request = async_nats::Request::new().timeout(Some(DELETE_WAIT));
    let subject = format!("$JS.API.CONSUMER.DELETE.{stream}.{name}");
    let _ = store.inner.client.send_request(subject, request).await;
}

/// Lets everything that was given out and not acknowledged come again, at once and in order.
pub(super) async fn reset(store: &Store, stream: &str, name: &str) -> Result<(), Error> {
    let what = "take over a cursor";
    let stream = store.inner.context.get_stream_no_info(stream).await.map_err(|e| Error::unavailable(what, e))?;
    stream.reset_consumer(name, None).await.map(|_| ()).map_err(|e| Error::unavailable(what, e))
}
