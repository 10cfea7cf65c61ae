//! Sends canaries through the buckets that want them.
//!
//! Every copy of the API does this. All of them give the canary of a time the same id, so the log
//! keeps one; nothing else is remembered. One that was due while nobody ran is left out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use model::record::Bucket;
use model::request::{Header, Request};
use model::{BucketId, UnixMs, canary};
use store::Store;
use telemetry::Stop;
use tracing::{debug, warn};

use crate::{emit, write};

/// How often it is looked which are due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many are appended side by side.
const AT_ONCE: usize = 8;

/// Sends those that are due until told to stop.
pub(crate) async fn run(store: &Store, stop: &Stop) {
    let mut sent = HashMap::new();
    while !stop.is_given() {
        let due = due(store, &mut sent, write::now());
        let sending = due.into_iter().map(|(bucket, at)| send(store, bucket, at));
        let sending = futures_util::stream::iter(sending).buffer_unordered(AT_ONCE).collect::<()>();
        stop.or(sending).await;
        stop.or(tokio::time::sleep(LOOK_EVERY)).await;
    }
}

/// The buckets whose canary is due and was not sent. `sent` has the last of each; the first that is
/// seen of a bucket may have been sent by a process before this one.
fn due(store: &Store, sent: &mut HashMap<BucketId, UnixMs>, now: UnixMs) -> Vec<(Arc<Bucket>, UnixMs)> {
    let buckets = store.directory().buckets().into_iter().map(|bucket| bucket.record);
    let wanting: Vec<_> = buckets.filter(|bucket| bucket.canary_seconds > 0).collect();
    let before = std::mem::take(sent);
    let mut due = Vec::new();
    for bucket in wanting {
        let at = canary::last_due(bucket.id, bucket.canary_seconds, now);
        sent.insert(bucket.id, at);
        // A clock that was set back brings none twice.
        if before.get(&bucket.id).is_some_and(|last| *last < at) {
            due.push((bucket, at));
        }
    }
    due
}

/// Sends the canary of a bucket that is due at that time.
pub(crate) async fn send(store: &Store, bucket: Arc<Bucket>, at: UnixMs) {
    let event = canary::event(bucket.id, at);
    match emit::append(store, &bucket, event, None, &request()).await {
        Ok(()) => debug!(bucket = %bucket.id, %event, "a canary was sent"),
        Err(error) => warn!(bucket = %bucket.id, %event, %error, "a canary was not stored"),
    }
}

fn request() -> Request {
    let header = Header { name: Bytes::from_static(canary::HEADER.as_bytes()), value: Bytes::from_static(b"true") };
    Request { method: "POST".to_owned(), headers: vec![header], has_body: true, ..Request::default() }
}
