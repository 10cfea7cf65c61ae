//! Counts rows: by minute, by day.

use std::collections::BTreeMap;

use model::BucketId;
use rusqlite::{Connection, params_from_iter};

use super::query::{Filter, Where};
use super::status::Status;

/// Milliseconds of a minute and of a day.
pub(crate) const MINUTE_MS: u64 = 60_000;
/// See [`MINUTE_MS`].
pub(crate) const DAY_MS: u64 = 24 * 3600 * 1000;

/// How many deliveries of an output stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Those whose event is in the stream of events.
    pub(crate) received: u64,
    /// Those of which an event or a fact tells, by status.
    pub(crate) by_status: [u64; Status::ALL.len()],
}

impl Balance {
    /// How many stand so.
    pub(crate) fn of(&self, status: Status) -> u64 {
        self.by_status[status as usize]
    }

    /// Whether everything that was received stands somehow, and nothing else does.
    pub(crate) fn is_balanced(&self) -> bool {
        self.received == self.by_status.iter().sum::<u64>()
    }
}

/// What happened to the deliveries whose events were received in one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) by_status: [u64; Status::ALL.len()],
    /// How many were attempted more than once.
    pub(crate) retried: u64,
    /// How many further attempts there were.
    pub(crate) retry_count: u64,
    /// The most further attempts of one.
    pub(crate) retries_max: u64,
    /// How long all attempts took that were answered, in milliseconds, and how many they are.
    pub(crate) answered_ms: u64,
    pub(crate) answered: u64,
}

impl Span {
    /// How many there are.
    pub(crate) fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.by_status.iter_mut().zip(other.by_status) {
            *count += more;
        }
        self.retried += other.retried;
        self.retry_count += other.retry_count;
        self.retries_max = self.retries_max.max(other.retries_max);
        self.answered_ms += other.answered_ms;
        self.answered += other.answered;
    }
}

/// Adds the rows of a bucket that the filter lets through to spans of `span_ms`, by their beginning
/// in milliseconds since the Unix epoch. Spans without rows are not there.
pub(crate) fn spans(
    connection: &Connection,
    bucket: BucketId,
    filter: &Filter,
    span_ms: u64,
    spans: &mut BTreeMap<u64, Span>,
) -> rusqlite::Result<()> {
    let Where { sql, values } = Where::new(bucket, filter);
    // The time of receipt lies in the event's id, which SQLite cannot take apart.
    let sql = format!("SELECT event, status, attempts, duration_ms, status_code FROM log WHERE {sql}");
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let received_at = model::EventId(row.get(0)?).received_at();
        let retries = u64::from(row.get::<_, u32>(2)?.saturating_sub(1));
        let is_answered = row.get::<_, u16>(4)? != 0;
        let mut one = Span {
            retried: u64::from(retries > 0),
            retry_count: retries,
            retries_max: retries,
            answered_ms: if is_answered { row.get(3)? } else { 0 },
            answered: u64::from(is_answered),
            ..Span::default()
        };
        one.by_status[Status::of(row.get(1)?) as usize] = 1;
        spans.entry(received_at.0 / span_ms * span_ms).or_default().add(&one);
    }
    Ok(())
}

/// How many events of a bucket are kept.
pub(crate) fn events(connection: &Connection, bucket: BucketId) -> rusqlite::Result<u64> {
    let sql = "SELECT count(DISTINCT event) FROM log WHERE bucket = ?1 AND input IS NOT NULL";
    connection.prepare_cached(sql)?.query_row([bucket.0], |row| row.get(0))
}
