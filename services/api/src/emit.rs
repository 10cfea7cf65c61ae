//! Appends webhooks that the relay makes itself, as if an input of their bucket had been called.

use model::EventId;
use model::record::Bucket;
use model::request::Request;
use store::Store;
use store::event::{Meta, Target};
use tracing::warn;

/// How often one is tried to be appended, each time under the same id, so that it is there once.
const TRIES: u32 = 5;

/// Why one was not appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAppended {
    /// The bucket has no input that it could have come by.
    #[error("its bucket has no input")]
    NoInput,
    /// The log did not take it.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Appends one to the bucket's log, under this id; under that of its `delivery`, if it has one, which
/// the log keeps once whatever the event's.
///
/// # Errors
/// See [`NotAppended`].
pub(crate) async fn append(
    store: &Store,
    bucket: &Bucket,
    event: EventId,
    delivery: Option<&str>,
    request: &Request,
) -> Result<(), NotAppended> {
    let input = store.directory().inputs_of(bucket.id).into_iter().next().ok_or(NotAppended::NoInput)?;
    let meta = meta(store, bucket, request);
    let (events, input) = (store.events(), input.record.id);
    let target = Target::Bucket { bucket: bucket.id, ephemeral: bucket.ephemeral };
    let mut tries = 1;
    loop {
        let appended = match delivery {
            Some(delivery) => events.append_once(target, event, input, &meta, delivery, request).await,
            None => events.append(target, event, input, &meta, request).await,
        };
        match appended {
            Ok(()) => return Ok(()),
            Err(error @ store::Error::Unavailable { .. }) if tries < TRIES => {
                warn!(%event, %error, "a webhook of the relay's own was not stored; trying again");
            }
            Err(error) => return Err(error.into()),
        }
        tries += 1;
    }
}

/// What stands beside the webhook in clear.
fn meta(store: &Store, bucket: &Bucket, request: &Request) -> Meta {
    Meta {
        method: if bucket.ephemeral { String::new() } else { request.method.clone() },
        body_bytes: request.body_bytes,
        outputs: Some(store.directory().due_outputs_of(bucket.id)),
        keep_seconds: bucket.retention_seconds,
        ..Meta::default()
    }
}
