//! The live tail: the logs of a bucket as they change, as server-sent events (WHATWG HTML, 9.2).

use std::convert::Infallible;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::HeaderMap;
use model::record::Bucket;
use serde::Deserialize;
use std::sync::Arc;
use store::directory::{Key, Versioned};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::log::bucket_of;
use crate::Api;
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::TAIL_BACKLOG_MAX;
use crate::logs::row::Row;
use crate::logs::{Change, Cursor, query};
use crate::show::{self, Bodies};

/// Tells a reader that it missed something: too much happened in its bucket while it was away, or was
/// slow to read. The stream ends then; who comes again without an id begins with what comes next.
const DROPPED: &str = "dropped";

/// What a listener may say.
#[derive(Deserialize)]
pub(super) struct Asked {
    bucket: Option<String>,
}

/// Where a tail stands.
struct Tail {
    api: Api,
    caller: Caller,
    bucket: Arc<Bucket>,
    /// What changed while nobody listened.
    backlog: std::vec::IntoIter<Row>,
    /// What the reader has once it has the backlog.
    caught_up: Cursor,
    changes: Receiver<Change>,
    /// What people configured.
    records: Receiver<Key>,
    ended: bool,
}

/// `GET /v1/logs/stream`
pub(super) async fn follow(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let bucket = bucket_of(&api, &caller, asked.bucket.as_deref())?.record;
    let records = api.directory().changes();
    let last = headers.get("last-event-id").and_then(|id| read_cursor(id.to_str().ok()?));
    // First listening, then looking back: what changes in between comes twice and not never.
    let changes = api.logs().changes();
    let caught_up = last.unwrap_or_else(|| api.logs().cursor(bucket.id, bucket.ephemeral));
    let backlog = Vec::new().into_iter();
    let mut tail = Tail { api, caller, bucket, backlog, caught_up, changes, records, ended: false };
    let first = match last {
        Some(_) => tail.look_back().await?,
        None => None,
    };
    let first = first.unwrap_or_else(|| Event::default().comment("following"));
    let told = stream::unfold((Some(first), tail), |(first, mut tail)| async move {
        let event = match first {
            Some(first) => first,
            None => tail.next().await?,
        };
        Some((Ok::<_, Infallible>(event), (None, tail)))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::default()).into_response())
}

impl Tail {
    /// The next thing to tell; `None` when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        let stop = self.api.logs().stop().clone();
        loop {
            if let Some(row) = self.backlog.next() {
                // Only after all of it may the reader go on from here.
                let cursor = self.backlog.len().eq(&0).then_some(self.caught_up);
                return self.show(&row, cursor).await;
            }
            let change = tokio::select! {
                // The end of this process.
                () = stop.given() => return None,
                // Something happened to a webhook.
                change = self.changes.recv() => change,
                // Its token may have been revoked, or the bucket deleted.
                _ = self.records.recv() => match self.bucket_now() {
                    Some(_) => continue,
                    None => return None,
                },
            };
            match change {
                Ok(change) if change.bucket == self.bucket.id => {
                    self.caught_up = change.cursor;
                    let wanted =
                        move |connection: &_| query::by_key(connection, change.bucket, change.event, change.output);
                    match self.api.logs().read(wanted).await {
                        Ok(Some(row)) => return self.show(&row, Some(change.cursor)).await,
                        Ok(None) => {}
                        Err(_) => return None,
                    }
                }
                Ok(_) => {}
                // So much happened, most of it to others, that nothing was heard of some of it.
                Err(RecvError::Lagged(_)) => {
                    if let Some(event) = self.look_back().await.ok()? {
                        return Some(event);
                    }
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Takes up what changed since the reader was told last. When that is too much the reader is told
    /// so, and it is the end.
    async fn look_back(&mut self) -> Result<Option<Event>, Error> {
        let (id, since) = (self.bucket.id, self.caught_up);
        // First of all: what can still be heard of what was missed is looked back for, too.
        self.changes = self.changes.resubscribe();
        self.caught_up = self.api.logs().cursor(id, self.bucket.ephemeral);
        let changed = move |connection: &_| query::since(connection, id, since, TAIL_BACKLOG_MAX + 1);
        let backlog = self.api.logs().read(changed).await?;
        self.ended = backlog.len() > TAIL_BACKLOG_MAX;
        if self.ended {
            return Ok(Some(Event::default().event(DROPPED).data("{}")));
        }
        self.backlog = backlog.into_iter();
        Ok(None)
    }

    /// The bucket, unless it is gone, or the listener may not hear of it any more.
    fn bucket_now(&self) -> Option<Versioned<Bucket>> {
        let directory = self.api.directory();
        let bucket = directory.bucket(self.bucket.id).filter(|bucket| self.caller.sees(&bucket.record))?;
        self.caller.still_counts(directory).then_some(bucket)
    }

    /// `None` also once the bucket is gone, or not to be heard of any more.
    async fn show(&mut self, row: &Row, cursor: Option<Cursor>) -> Option<Event> {
        let bucket = self.bucket_now()?;
        let log = show::log(&self.api, &bucket.record, row, Bodies::Small).await.ok()?;
        let event = Event::default().json_data(log).ok()?;
        Some(match cursor {
            Some(cursor) => event.id(format!("{}.{}", cursor.events, cursor.facts)),
            None => event,
        })
    }
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let (events, facts) = text.split_once('.')?;
    Some(Cursor { events: events.parse().ok()?, facts: facts.parse().ok()? })
}
