//! Polling: workers that hold no connection take deliveries, each handed out once.
//!
//! Who takes deliveries of an output appends the facts that say so after the last fact that it
//! knows of. Of several who do that at once NATS lets one succeed, in this process or another;
//! the others look again at what is left.

use std::time::{Duration, SystemTime};

use axum::extract::{Query, State};
use axum::response::Response;
use model::UnixMs;
use model::fact::{Ending, Fact};
use model::reason::Reason;
use model::record::Bucket;
use model::{BucketId, OutputId};
use serde::Deserialize;

use super::log::{bucket_of, number, output_of, said};
use super::report::key;
use crate::Api;
use crate::answer::Answer;
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{POLLED_BYTES_MAX, POLLED_MAX};
use crate::logs::query::{self, Filter, Order};
use crate::logs::row::Row;
use crate::logs::status::Status;
use crate::shape::log::{Content, Taken};
use crate::show::{self, Bodies};

/// How old deliveries may be unless the worker says otherwise.
const AGE_MAX_DEFAULT: Duration = Duration::from_secs(24 * 3600);
/// How often a worker looks again when others take what it saw.
const TRIES: u32 = 20;

/// A delivery that can never be handed out, and how it ends.
type Over = (Row, Ending, Option<Reason>);

/// What a worker may say.
#[derive(Deserialize)]
pub(super) struct Asked {
    bucket: Option<String>,
    output: Option<String>,
    limit: Option<String>,
    max_age: Option<String>,
}

/// `GET /v1/events`. The queue itself remembers what was handed out; a cursor is not needed.
pub(super) async fn take(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let bucket = bucket_of(&api, &caller, asked.bucket.as_deref())?.record;
    let output = said(&asked.output).map(|text| output_of(&api, &bucket, text)).transpose()?;
    let limit = number("limit", &asked.limit)?.unwrap_or(POLLED_MAX).clamp(1, POLLED_MAX);
    let age_max = said(&asked.max_age).map(age).transpose()?.unwrap_or(AGE_MAX_DEFAULT);
    api.logs().whole().await?;
    let filter = Filter {
        from: Some(UnixMs::from(SystemTime::now()).minus(age_max)),
        statuses: Some(vec![Status::Received, Status::Stalled]),
        output,
        ..Filter::default()
    };
    let (mut taken, mut room) = (Vec::new(), Answer::default());
    for _ in 0..TRIES {
        let rows = waiting(&api, bucket.id, &filter, limit + 1).await?;
        // One output at a time, that of the oldest delivery: its facts are what is competed for.
        let Some(first) = rows.first() else { break };
        let output = first.output;
        let last = api.store().facts().last_sequence(&key(&bucket, output)).await?;
        api.logs().facts_until(bucket.id, last).await?;
        let of_output = Filter { output: Some(output), ..filter.clone() };
        let rows = fitting(waiting(&api, bucket.id, &of_output, limit).await?);
        let room_of_these = api.answers().room(bucket.account, show::bodies_bytes(&rows, Bodies::Whole)).await?;
        let (opened, ended) = open(&api, rows).await?;
        match claim(&api, &bucket, output, last, &opened, ended).await {
            Ok(()) if opened.is_empty() => {}
            Ok(()) => {
                (taken, room) = (opened, room_of_these);
                break;
            }
            Err(store::Error::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    answer(&api, &bucket, &filter, taken, room).await
}

/// What is handed out, and whether there is more.
async fn answer(
    api: &Api,
    bucket: &Bucket,
    filter: &Filter,
    taken: Vec<(Row, Content)>,
    room: Answer,
) -> Result<Response, Error> {
    let ids: Vec<_> = taken.iter().map(|(row, _)| row.id).collect();
    // What was just taken may still look as if it waited.
    let left = waiting(api, bucket.id, filter, ids.len() + 1).await?;
    let has_more = left.iter().any(|row| !ids.contains(&row.id));
    let logs = taken.into_iter().map(|(mut row, content)| {
        row.status = Status::Sent;
        row.course.reason = Reason::Polled.code();
        show::shown(api, bucket, &row, content)
    });
    let logs = Some(logs.collect::<Vec<_>>()).filter(|logs| !logs.is_empty());
    room.json(Taken { logs, has_more, next_cursor: String::new() })
}

async fn waiting(api: &Api, bucket: BucketId, filter: &Filter, limit: usize) -> Result<Vec<Row>, Error> {
    let filter = filter.clone();
    api.logs()
        .read(move |connection| query::page(connection, bucket, &filter, Order::OldestFirst, None, limit, 0))
        .await
}

/// No more than an answer may have, but one.
fn fitting(mut rows: Vec<Row>) -> Vec<Row> {
    let mut bytes = 0;
    let over = rows.iter().position(|row| {
        bytes += row.body_bytes;
        bytes > POLLED_BYTES_MAX
    });
    if let Some(at) = over {
        rows.truncate(at.max(1));
    }
    rows
}

/// Opens deliveries before they are taken, so that none is taken that cannot be handed out. Also
/// returns those that can never be, as they end.
async fn open(api: &Api, rows: Vec<Row>) -> Result<(Vec<(Row, Content)>, Vec<Over>), Error> {
    let (mut opened, mut over) = (Vec::new(), Vec::new());
    for row in rows {
        let content = show::content(api, &row, Bodies::Whole).await?;
        if content.request.is_some() {
            opened.push((row, content));
        } else if show::stored(api, &row).await?.is_some() {
            over.push((row, Ending::Failed, Some(Reason::Unreadable)));
        } else {
            over.push((row, Ending::Expired, None));
        }
    }
    Ok((opened, over))
}

/// Says that these are taken, and that those are over, unless somebody else said something meanwhile.
async fn claim(
    api: &Api,
    bucket: &Bucket,
    output: OutputId,
    last: u64,
    opened: &[(Row, Content)],
    over: Vec<Over>,
) -> Result<(), store::Error> {
    let at = UnixMs::from(SystemTime::now());
    let fact = |row: &Row, ending, reason| Fact::DeliveryEnded { event: row.event, at, ending, reason };
    let taken = opened.iter().map(|(row, _)| fact(row, Ending::Sent, Some(Reason::Polled)));
    let facts: Vec<_> = taken.chain(over.iter().map(|(row, ending, reason)| fact(row, *ending, *reason))).collect();
    if facts.is_empty() {
        return Ok(());
    }
    api.store().facts().append_after(&key(bucket, output), last, &facts).await
}

/// Reads a span of time as Go writes it: `5m`, `24h`, `1h30m`.
fn age(text: &str) -> Result<Duration, Error> {
    let invalid = || Error::invalid("max_age", "must be a span of time such as 5m or 24h");
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let number: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        let (unit_ms, unit) = [(1, "ms"), (1000, "s"), (60_000, "m"), (3_600_000, "h")]
            .into_iter()
            .find(|(_, unit)| rest[digits..].starts_with(unit))
            .ok_or_else(invalid)?;
        let span = number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(invalid)?;
        total = total.checked_add(span).ok_or_else(invalid)?;
        rest = &rest[digits + unit.len()..];
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_go_writes_them() {
        for (text, seconds) in [("5m", 300), ("24h", 86_400), ("1h30m", 5400), ("0s", 0), ("2000ms", 2)] {
            assert_eq!(age(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for text in ["5", "m", "5x", "-5m", "99999999999999999999h", "99999999999999999h"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
