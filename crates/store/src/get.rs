//! Reading one message of a stream, past any consumer.

use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::DirectGetError;
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use model::UnixMs;

use crate::Error;

/// The message of that sequence; `None` when it is no longer kept.
///
/// # Errors
/// [`Error::Unavailable`], with `what` was tried.
pub(crate) async fn at(
    context: &Context,
    stream: &str,
    sequence: u64,
    what: &'static str,
) -> Result<Option<StreamMessage>, Error> {
    found(open(context, stream, what).await?.direct_get(sequence).await, what)
}

/// The last message on that subject; `None` when none is kept.
///
/// # Errors
/// [`Error::Unavailable`], with `what` was tried.
pub(crate) async fn last_on(
    context: &Context,
    stream: &str,
    subject: String,
    what: &'static str,
) -> Result<Option<StreamMessage>, Error> {
    found(open(context, stream, what).await?.direct_get_last_for_subject(subject).await, what)
}

/// When JetStream stored a message.
pub(crate) fn stored_at(message: &StreamMessage) -> UnixMs {
    let millis = message.time.unix_timestamp_nanos() / 1_000_000;
    UnixMs(u64::try_from(millis).unwrap_or(0))
}

async fn open(context: &Context, stream: &str, what: &'static str) -> Result<Stream<()>, Error> {
    context.get_stream_no_info(stream).await.map_err(|e| Error::unavailable(what, e))
}

fn found(got: Result<StreamMessage, DirectGetError>, what: &'static str) -> Result<Option<StreamMessage>, Error> {
    match got {
        Ok(message) => Ok(Some(message)),
        Err(e) if e.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::unavailable(what, e)),
    }
}
