//! Logs: what happened to webhooks, delivery by delivery.

use axum::extract::{Query, State};
use axum::response::Response;
use model::record::Bucket;
use model::{BucketId, DeliveryId, EventId, OutputId};
use serde::Deserialize;
use store::directory::Versioned;
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{LOGS_COUNTED_MAX, LOGS_PER_PAGE_MAX};
use crate::logs::query::{self, After, Filter, Order};
use crate::logs::row::Row;
use crate::logs::status::Status;
use crate::request::At;
use crate::shape::log::Page;
use crate::show::{self, Bodies};
use crate::{Api, own, when};

/// What a list of logs may be told.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    pub(super) bucket: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) offset: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) status: Option<String>,
    pub(super) cursor: Option<String>,
    pub(super) output: Option<String>,
    pub(super) output_id: Option<String>,
    pub(super) input: Option<String>,
    pub(super) method: Option<String>,
    pub(super) status_code: Option<String>,
}

impl Asked {
    /// Which logs of the bucket are meant.
    pub(super) fn filter(&self, api: &Api, bucket: &Bucket) -> Result<Filter, Error> {
        let statuses = said(&self.status)
            .map(|word| Status::named(word).ok_or_else(|| Error::invalid("status", "is none that a log can have")));
        let input = said(&self.input).map(|text| {
            let inputs = api.directory().inputs_of(bucket.id).into_iter();
            let named = inputs.map(|input| (input.record.id, input.record.name.clone()));
            pick(text, named, |input| input.to_string()).ok_or(Error::NotFound("input"))
        });
        let output = said(&self.output).or(said(&self.output_id));
        Ok(Filter {
            from: said(&self.from).map(|text| when::from("from", text)).transpose()?,
            until: said(&self.to).map(|text| when::until("to", text)).transpose()?,
            statuses: statuses.transpose()?,
            output: output.map(|text| output_of(api, bucket, text)).transpose()?,
            input: input.transpose()?,
            method: said(&self.method).map(str::to_ascii_uppercase),
            status_code: number("status_code", &self.status_code)?,
        })
    }
}

/// `GET /v1/logs`
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let bucket = bucket_of(&api, &caller, asked.bucket.as_deref())?.record;
    let filter = asked.filter(&api, &bucket)?;
    let limit = number("limit", &asked.limit)?.filter(|limit| *limit > 0).unwrap_or(LOGS_PER_PAGE_MAX);
    let limit = limit.min(LOGS_PER_PAGE_MAX);
    let offset = number("offset", &asked.offset)?.unwrap_or(0);
    let after = said(&asked.cursor).map(read_cursor).transpose()?;
    let id = bucket.id;
    let (mut rows, total) = api
        .logs()
        .read(move |connection| {
            let rows = query::page(connection, id, &filter, Order::NewestFirst, after, limit + 1, offset)?;
            Ok((rows, query::count(connection, id, &filter, LOGS_COUNTED_MAX + 1)?))
        })
        .await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(cursor).unwrap_or_default();
    let room = api.answers().room(bucket.account, show::bodies_bytes(&rows, Bodies::Small)).await?;
    let page = Page {
        data: show::logs(&api, &bucket, rows).await?,
        total: total.min(LOGS_COUNTED_MAX),
        limit,
        offset,
        next_cursor,
        truncated: total > LOGS_COUNTED_MAX || !api.logs().is_whole(),
    };
    room.json(page)
}

/// `GET /v1/logs/{id}`
pub(super) async fn get(State(api): State<Api>, caller: Caller, At(id): At<DeliveryId>) -> Result<Response, Error> {
    let (bucket, row) = find(&api, &caller, id).await?;
    one(&api, &bucket.record, &row).await
}

/// `GET /v1/buckets/{id}/logs/{logId}`
pub(super) async fn get_in_bucket(
    State(api): State<Api>,
    caller: Caller,
    At((bucket_id, id)): At<(BucketId, DeliveryId)>,
) -> Result<Response, Error> {
    own::bucket(api.directory(), &caller, bucket_id)?;
    let (bucket, row) = find(&api, &caller, id).await?;
    if bucket.record.id != bucket_id {
        return Err(NOT_FOUND);
    }
    one(&api, &bucket.record, &row).await
}

async fn one(api: &Api, bucket: &Bucket, row: &Row) -> Result<Response, Error> {
    let bodies_bytes = show::bodies_bytes(std::slice::from_ref(row), Bodies::Whole);
    let room = api.answers().room(bucket.account, bodies_bytes).await?;
    room.json(show::whole(api, bucket, row).await?)
}

const NOT_FOUND: Error = Error::NotFound("log");

/// A log of a bucket of the caller's.
pub(super) async fn find(api: &Api, caller: &Caller, id: DeliveryId) -> Result<(Versioned<Bucket>, Row), Error> {
    let row = api.logs().read(move |connection| query::by_id(connection, id)).await?.ok_or(NOT_FOUND)?;
    let bucket = own::bucket(api.directory(), caller, row.bucket).map_err(|_| NOT_FOUND)?;
    Ok((bucket, row))
}

/// The bucket of the caller's that is named, by its name or id.
pub(super) fn bucket_of(api: &Api, caller: &Caller, named: Option<&str>) -> Result<Versioned<Bucket>, Error> {
    let text = named.filter(|text| !text.is_empty()).ok_or_else(|| Error::invalid("bucket", "is missing"))?;
    if let Ok(id) = text.parse() {
        return own::bucket(api.directory(), caller, id);
    }
    let mut buckets = own::buckets(api.directory(), caller).into_iter();
    buckets.find(|bucket| bucket.record.name.as_str() == text).ok_or(Error::NotFound("bucket"))
}

/// The output of the bucket that is named, by its name or id.
pub(super) fn output_of(api: &Api, bucket: &Bucket, text: &str) -> Result<OutputId, Error> {
    let outputs = api.directory().outputs_of(bucket.id).into_iter();
    let named = outputs.map(|output| (output.record.id, output.record.name.clone()));
    pick(text, named, |output| output.to_string()).ok_or(Error::NotFound("output"))
}

/// A value that was said; the empty text says nothing.
pub(super) fn said(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|text| !text.is_empty())
}

/// A number that was said.
pub(super) fn number<T: std::str::FromStr>(field: &str, value: &Option<String>) -> Result<Option<T>, Error> {
    let read = |text: &str| text.parse().map_err(|_| Error::invalid(field, "must be a whole number"));
    said(value).map(read).transpose()
}

/// By id first, so that nobody takes another one's place with a name.
fn pick<T: Copy>(text: &str, named: impl Iterator<Item = (T, String)>, id: impl Fn(T) -> String) -> Option<T> {
    let all: Vec<_> = named.collect();
    let by_id = all.iter().find(|(one, _)| id(*one) == text);
    by_id.or_else(|| all.iter().find(|(_, name)| name == text)).map(|(one, _)| *one)
}

fn cursor(row: &Row) -> String {
    format!("{}.{}", row.event.0.simple(), row.output.0.simple())
}

pub(super) fn read_cursor(text: &str) -> Result<After, Error> {
    let ids = text.split_once('.').and_then(|(event, output)| {
        Some(After { event: EventId(Uuid::try_parse(event).ok()?), output: OutputId(Uuid::try_parse(output).ok()?) })
    });
    ids.ok_or_else(|| Error::invalid("cursor", "is none that a page named"))
}
