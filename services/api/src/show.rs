//! Opens what a log shows: the request as it was received, and what was answered.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::answer::ANSWER_KEPT_BYTES_MAX;
use model::record::Bucket;
use model::request::Request;
use model::{GroupId, OutputId};
use store::event::Stored;

use crate::Api;
use crate::error::Error;
use crate::logs::attempt;
use crate::logs::row::Row;
use crate::shape::log::{Content, Log, Tried};

/// How many logs of a page are opened side by side.
const SIDE_BY_SIDE_MAX: usize = 16;
/// The largest body that a page shows, in bytes; larger ones are shown with their log alone.
pub(crate) const PAGE_BODY_BYTES_MAX: usize = 64 * 1024;

/// How much of bodies is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// All of them.
    Whole,
    /// Those that are no larger than [`PAGE_BODY_BYTES_MAX`].
    Small,
}

impl Bodies {
    fn bytes_max(self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Small => PAGE_BODY_BYTES_MAX,
        }
    }
}

/// How many bytes the bodies of these are that are shown.
pub(crate) fn bodies_bytes(rows: &[Row], bodies: Bodies) -> u64 {
    let shown = |bytes: u64| if bytes <= bodies.bytes_max() as u64 { bytes } else { 0 };
    let answer = |row: &Row| row.course.answer.map_or(0, |answer| answer.body_bytes.min(ANSWER_KEPT_BYTES_MAX as u64));
    rows.iter().map(|row| shown(row.body_bytes) + shown(answer(row))).sum()
}

/// The logs of a page, in their order.
///
/// # Errors
/// Those of [`log`].
pub(crate) async fn logs(api: &Api, bucket: &Bucket, rows: Vec<Row>) -> Result<Vec<Log>, Error> {
    let shown = stream::iter(rows).map(async move |row| log(api, bucket, &row, Bodies::Small).await);
    shown.buffered(SIDE_BY_SIDE_MAX).try_collect().await
}

/// A log. What is no longer kept, or can never be read again, is left out.
///
/// # Errors
/// [`Error::Unavailable`]; [`Error::Internal`] for what cannot be opened with the master keys of now.
pub(crate) async fn log(api: &Api, bucket: &Bucket, row: &Row, bodies: Bodies) -> Result<Log, Error> {
    let content = if row.ephemeral { Content::default() } else { content(api, row, bodies).await? };
    Ok(shown(api, bucket, row, content))
}

/// A log as it is read by itself: whole, with each attempt.
///
/// # Errors
/// As [`log`].
pub(crate) async fn whole(api: &Api, bucket: &Bucket, row: &Row) -> Result<Log, Error> {
    let id = row.id;
    let attempts = api.logs().read(move |connection| attempt::of(connection, id)).await?;
    let tried = attempts.iter().map(|attempt| Tried::new(attempt, group(api, row.output, attempt.group)));
    Ok(log(api, bucket, row, Bodies::Whole).await?.with_attempts(tried.collect()))
}

/// The name of a group on an output.
fn group(api: &Api, output: OutputId, id: GroupId) -> String {
    match api.directory().group(output, id) {
        Some(group) => group.record.name.clone(),
        None if id == GroupId::PUBLIC => "public".to_owned(),
        None => id.to_string(),
    }
}

/// A log with what was opened already.
pub(crate) fn shown(api: &Api, bucket: &Bucket, row: &Row, content: Content) -> Log {
    let output = api.directory().output(row.output);
    Log::new(row, bucket.account, output.as_ref().map(|output| &*output.record), content)
}

/// The request and the answer of a delivery.
///
/// # Errors
/// As [`log`].
pub(crate) async fn content(api: &Api, row: &Row, bodies: Bodies) -> Result<Content, Error> {
    let mut request = request(api, row).await?;
    let body = match &request {
        Some(request) if request.body_bytes <= bodies.bytes_max() as u64 => readable(body(api, row, request).await)?,
        Some(_) | None => Some(Bytes::new()),
    };
    if body.is_none() {
        request = None;
    }
    let body = body.unwrap_or_default();
    let answer = match row.course.answer {
        Some(at) => readable(api.store().answers().read(row.bucket, row.event, row.output, at).await)?.flatten(),
        None => None,
    };
    Ok(Content { request, body, answer, answer_bytes_max: bodies.bytes_max() })
}

/// The request; `None` when it is no longer kept, or can never be read again.
///
/// # Errors
/// As [`log`].
pub(crate) async fn request(api: &Api, row: &Row) -> Result<Option<Request>, Error> {
    match stored(api, row).await? {
        Some(stored) => readable(open(api, row, stored).await),
        None => Ok(None),
    }
}

/// What was read; `None` for what can never be.
fn readable<T>(read: Result<T, store::Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_unreadable() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The event as it lies in the log; `None` when it is no longer kept.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) async fn stored(api: &Api, row: &Row) -> Result<Option<Stored>, Error> {
    let stored = api.store().events().at(row.bucket, row.ephemeral, row.place).await?;
    Ok(stored.filter(|stored| stored.event == row.event))
}

/// Opens it.
///
/// # Errors
/// Those of [`store::event::Events::open`].
pub(crate) async fn open(api: &Api, row: &Row, stored: Stored) -> Result<Request, store::Error> {
    api.store().events().open(row.bucket, stored.event, stored.input, stored.sealed).await
}

/// The whole body, put together where it lies in pieces.
///
/// # Errors
/// Those of [`store::event::Events::open_chunk`].
async fn body(api: &Api, row: &Row, request: &Request) -> Result<Bytes, store::Error> {
    let Some(chunks) = &request.chunks else { return Ok(request.body.clone()) };
    let mut body = BytesMut::new();
    for index in 0..chunks.sequences.len() {
        body.extend(api.store().events().open_chunk(row.bucket, row.ephemeral, row.event, chunks, index).await?);
    }
    Ok(body.freeze())
}
