//! Proves that nothing was lost: what the stream of events holds, against what became of it.
//!
//! The two sides come from different places. What was received is counted in the stream itself, each
//! event once for every output that it is due to. What became of it is counted in the picture, which
//! has a row for whatever an event or a fact ever told of. An event that the stream has lost, and a
//! delivery without an event, both leave more rows than were received; a delivery that the picture
//! does not know leaves fewer.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use model::record::Bucket;
use model::{BucketId, EventId, OutputId, UnixMs};
use rusqlite::Connection;
use store::Store;

use super::count::Balance;
use super::status::Status;
use super::{Logs, fold};
use crate::error::Error;

/// What has less than this to live is left out: the stream and the picture do not drop it at the
/// same moment.
const LIFE_MIN: Duration = Duration::from_secs(60);
/// How many deliveries without an event are looked at; there are none but for an event's first moments.
const STRAYS_MAX: usize = 10_000;

/// A delivery, by its event and output.
type Place = (EventId, OutputId);

/// The balance of each output of a bucket.
///
/// # Errors
/// [`Error::Unavailable`] also while the picture is behind the stream.
pub(crate) async fn of(logs: &Logs, store: &Store, bucket: &Bucket) -> Result<BTreeMap<OutputId, Balance>, Error> {
    let (id, ephemeral) = (bucket.id, bucket.ephemeral);
    let alive = UnixMs::from(SystemTime::now()).plus(LIFE_MIN);
    // Before the stream is read: a fact may be known before its event, but not before it is there.
    let mut strays = logs.read(move |connection| strays(connection, id, alive)).await?;
    let mut balances: BTreeMap<OutputId, Balance> = BTreeMap::new();
    let each = |head: &store::feed::Head, retention: Duration| {
        if fold::expires_at(head, Some(&retention)) <= alive {
            return;
        }
        for output in fold::due_outputs(store, head) {
            balances.entry(output).or_default().received += 1;
            strays.remove(&(head.event, output));
        }
    };
    let read = store.events().heads(id, ephemeral, each).await?;
    logs.events_until(id, ephemeral, read.last).await?;
    let count = move |connection: &Connection| {
        count(connection, id, alive, read.end, &mut balances)?;
        for place in strays {
            add_stray(connection, id, place, &mut balances)?;
        }
        Ok(balances)
    };
    logs.read(count).await
}

/// Deliveries of which nothing but facts tells.
fn strays(connection: &Connection, bucket: BucketId, alive: UnixMs) -> rusqlite::Result<HashSet<Place>> {
    let mut select = connection.prepare_cached(
        "SELECT event, output FROM log WHERE bucket = ?1 AND input IS NULL AND expires_ms > ?2 LIMIT ?3",
    )?;
    let place = |row: &rusqlite::Row<'_>| Ok((EventId(row.get(0)?), OutputId(row.get(1)?)));
    select.query_map((bucket.0, alive.0, STRAYS_MAX), place)?.collect()
}

/// Adds how the deliveries stand of the events before this end.
fn count(
    connection: &Connection,
    bucket: BucketId,
    alive: UnixMs,
    end: u64,
    balances: &mut BTreeMap<OutputId, Balance>,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT output, status, count(*) FROM log \
         WHERE bucket = ?1 AND input IS NOT NULL AND expires_ms > ?2 AND place <= ?3 GROUP BY output, status",
    )?;
    let mut rows = select.query((bucket.0, alive.0, end))?;
    while let Some(row) = rows.next()? {
        let balance = balances.entry(OutputId(row.get(0)?)).or_default();
        balance.by_status[Status::of(row.get(1)?) as usize] += row.get::<_, u64>(2)?;
    }
    Ok(())
}

/// Adds how a delivery stands of which still nothing but facts tells.
fn add_stray(
    connection: &Connection,
    bucket: BucketId,
    (event, output): Place,
    balances: &mut BTreeMap<OutputId, Balance>,
) -> rusqlite::Result<()> {
    let mut select = connection
        .prepare_cached("SELECT status FROM log WHERE bucket = ?1 AND event = ?2 AND output = ?3 AND input IS NULL")?;
    let mut rows = select.query((bucket.0, event.0, output.0))?;
    if let Some(row) = rows.next()? {
        balances.entry(output).or_default().by_status[Status::of(row.get(0)?) as usize] += 1;
    }
    Ok(())
}
