//! Reads single rows and pages of them.

use model::{BucketId, DeliveryId, EventId, InputId, OutputId, UnixMs};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use uuid::Uuid;

use super::row::Row;
use super::status::Status;
use super::{Cursor, table};

/// Which rows of a bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Received at or after this.
    pub(crate) from: Option<UnixMs>,
    /// Received before this.
    pub(crate) until: Option<UnixMs>,
    pub(crate) statuses: Option<Vec<Status>>,
    pub(crate) output: Option<OutputId>,
    pub(crate) input: Option<InputId>,
    pub(crate) method: Option<String>,
    pub(crate) status_code: Option<u16>,
}

/// Where a page begins: after this delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) event: EventId,
    pub(crate) output: OutputId,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
}

/// A condition in SQL with its values.
pub(super) struct Where {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Where {
    /// The rows of a bucket that the filter lets through, and whose event is known.
    pub(super) fn new(bucket: BucketId, filter: &Filter) -> Self {
        let mut all = Self { sql: "bucket = ? AND input IS NOT NULL".to_owned(), values: vec![blob(bucket.0)] };
        if let Some(from) = filter.from {
            all.and("event >= ?", [blob(first_id(from))]);
        }
        if let Some(until) = filter.until {
            all.and("event < ?", [blob(first_id(until))]);
        }
        if let Some(statuses) = &filter.statuses {
            let marks = vec!["?"; statuses.len()].join(", ");
            all.and(&format!("status IN ({marks})"), statuses.iter().map(|status| i64::from(*status as u8).into()));
        }
        if let Some(output) = filter.output {
            all.and("output = ?", [blob(output.0)]);
        }
        if let Some(input) = filter.input {
            all.and("input = ?", [blob(input.0)]);
        }
        if let Some(method) = &filter.method {
            all.and("method = ?", [method.clone().into()]);
        }
        if let Some(code) = filter.status_code {
            all.and("status_code = ?", [i64::from(code).into()]);
        }
        all
    }

    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}

/// A delivery by its id.
pub(crate) fn by_id(connection: &Connection, id: DeliveryId) -> rusqlite::Result<Option<Row>> {
    let sql = format!("SELECT {} FROM log WHERE id = ? AND input IS NOT NULL", table::COLUMNS);
    connection.prepare_cached(&sql)?.query_row([id.0], table::row).optional()
}

/// A delivery by what it is of.
pub(crate) fn by_key(
    connection: &Connection,
    bucket: BucketId,
    event: EventId,
    output: OutputId,
) -> rusqlite::Result<Option<Row>> {
    let which = "bucket = ? AND event = ? AND output = ? AND input IS NOT NULL";
    let sql = format!("SELECT {} FROM log WHERE {which}", table::COLUMNS);
    connection.prepare_cached(&sql)?.query_row([bucket.0, event.0, output.0], table::row).optional()
}

/// The deliveries of an event.
pub(crate) fn of_event(connection: &Connection, bucket: BucketId, event: EventId) -> rusqlite::Result<Vec<Row>> {
    let which = "bucket = ? AND event = ? AND input IS NOT NULL";
    let sql = format!("SELECT {} FROM log WHERE {which} ORDER BY output", table::COLUMNS);
    connection.prepare_cached(&sql)?.query_map([bucket.0, event.0], table::row)?.collect()
}

/// At most `limit` rows of a bucket, after `after`, less the first `offset`.
pub(crate) fn page(
    connection: &Connection,
    bucket: BucketId,
    filter: &Filter,
    order: Order,
    after: Option<After>,
    limit: usize,
    offset: u64,
) -> rusqlite::Result<Vec<Row>> {
    let mut which = Where::new(bucket, filter);
    let (compare, direction) = match order {
        Order::NewestFirst => ("<", "DESC"),
        Order::OldestFirst => (">", "ASC"),
    };
    if let Some(After { event, output }) = after {
        which.and(&format!("(event, output) {compare} (?, ?)"), [blob(event.0), blob(output.0)]);
    }
    let Where { sql, mut values } = which;
    values.extend([whole(limit as u64), whole(offset)]);
    let sql = format!(
        "SELECT {} FROM log WHERE {sql} ORDER BY event {direction}, output {direction} LIMIT ? OFFSET ?",
        table::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), table::row)?.collect()
}

/// The last events of a bucket, newest first, each by one of its deliveries.
pub(crate) fn newest_events(connection: &Connection, bucket: BucketId, limit: usize) -> rusqlite::Result<Vec<Row>> {
    let sql = format!(
        "SELECT {} FROM log WHERE bucket = ?1 AND input IS NOT NULL GROUP BY event ORDER BY event DESC LIMIT ?2",
        table::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map((bucket.0, limit), table::row)?.collect()
}

/// How many rows a filter lets through; no more than `count_max` are counted.
pub(crate) fn count(
    connection: &Connection,
    bucket: BucketId,
    filter: &Filter,
    count_max: u64,
) -> rusqlite::Result<u64> {
    let Where { sql, mut values } = Where::new(bucket, filter);
    values.push(whole(count_max));
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM log WHERE {sql} LIMIT ?)");
    connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))
}

/// The rows of a bucket that changed since, those that changed first being first.
pub(crate) fn since(
    connection: &Connection,
    bucket: BucketId,
    since: Cursor,
    limit: usize,
) -> rusqlite::Result<Vec<Row>> {
    let Where { sql, mut values } = Where::new(bucket, &Filter::default());
    values.extend([whole(since.events), whole(since.facts), whole(limit as u64)]);
    let sql = format!(
        "SELECT {} FROM log WHERE {sql} AND (place > ? OR fact > ?) ORDER BY event, output LIMIT ?",
        table::COLUMNS
    );
    connection.prepare_cached(&sql)?.query_map(params_from_iter(values), table::row)?.collect()
}

/// The lowest id that an event received at that time can have (RFC 9562, section 5.7).
fn first_id(at: UnixMs) -> Uuid {
    Uuid::from_u128(u128::from(at.0) << 80)
}

fn blob(id: Uuid) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}

/// SQLite counts to 2^63.
fn whole(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
