//! The attempts of a delivery: its newest ones, one row each.

use model::fact::{Fact, Next};
use model::{DeliveryId, GroupId, UnixMs};
use rusqlite::{Connection, params};

/// How many attempts of a delivery are kept of each group, the newest: one that is attempted for a
/// month must not fill the file. How many there were in all stands with the delivery.
pub(crate) const ATTEMPTS_KEPT_MAX: u32 = 64;

/// One try at a delivery, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Who made it.
    pub(crate) group: GroupId,
    /// From 1, for each group.
    pub(crate) number: u32,
    /// When its outcome was known.
    pub(crate) at: UnixMs,
    pub(crate) duration_ms: u32,
    /// How it ended, in a word.
    pub(crate) outcome: String,
    /// What the destination answered; 0 when it did not.
    pub(crate) status_code: u16,
    /// The code of a [`model::reason::Reason`]; 0 for none.
    pub(crate) reason: u32,
    /// Not before this the group tries again.
    pub(crate) next_at: Option<UnixMs>,
}

/// Keeps the attempt that a fact tells of, if it does. A delivery that it is an attempt of is there.
/// Of two by one number the first stands.
pub(super) fn put(connection: &Connection, delivery: DeliveryId, group: GroupId, fact: &Fact) -> rusqlite::Result<()> {
    let Fact::AttemptFinished { at, attempt, outcome, duration_ms, next, reason, .. } = *fact else { return Ok(()) };
    let (word, status_code) = (outcome.name(), outcome.status().unwrap_or(0));
    let next_at = match next {
        Next::RetryAt(at) => Some(at.0),
        Next::End(_) => None,
    };
    let mut put =
        connection.prepare_cached("INSERT OR IGNORE INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    let reason = reason.map_or(0, model::reason::Reason::code);
    put.execute(params![delivery.0, group.0, attempt, at.0, duration_ms, word, status_code, reason, next_at])?;
    if attempt > ATTEMPTS_KEPT_MAX {
        let mut cut =
            connection.prepare_cached("DELETE FROM attempt WHERE delivery = ?1 AND \"group\" = ?2 AND number <= ?3")?;
        cut.execute(params![delivery.0, group.0, attempt - ATTEMPTS_KEPT_MAX])?;
    }
    Ok(())
}

/// The attempts of a delivery that are kept, oldest first.
pub(crate) fn of(connection: &Connection, delivery: DeliveryId) -> rusqlite::Result<Vec<Attempt>> {
    let mut select = connection.prepare_cached(
        "SELECT \"group\", number, at_ms, duration_ms, outcome, status_code, reason, next_ms FROM attempt \
         WHERE delivery = ?1 ORDER BY at_ms, number",
    )?;
    let attempt = |row: &rusqlite::Row<'_>| {
        Ok(Attempt {
            group: GroupId(row.get(0)?),
            number: row.get(1)?,
            at: UnixMs(row.get(2)?),
            duration_ms: row.get(3)?,
            outcome: row.get(4)?,
            status_code: row.get(5)?,
            reason: row.get(6)?,
            next_at: row.get::<_, Option<u64>>(7)?.map(UnixMs),
        })
    };
    select.query_map([delivery.0], attempt)?.collect()
}

#[cfg(test)]
mod tests {
    use model::fact::{Ending, Outcome};
    use model::{BucketId, EventId, OutputId};
    use uuid::Uuid;

    use super::*;
    use crate::logs::table;

    const GROUP: GroupId = GroupId(Uuid::from_u128(7));

    fn fact(attempt: u32, next: Next) -> Fact {
        Fact::AttemptFinished {
            event: EventId(Uuid::nil()),
            at: UnixMs(u64::from(attempt)),
            attempt,
            outcome: Outcome::TimedOut,
            duration_ms: 5,
            next,
            reason: None,
            place: None,
            answer: None,
        }
    }

    /// A file with one delivery in it.
    fn delivery() -> (tempfile::TempDir, Connection, DeliveryId) {
        let dir = tempfile::tempdir().unwrap();
        let connection = table::open(&dir.path().join("logs.sqlite")).unwrap();
        let (bucket, event, output) = (BucketId(Uuid::nil()), EventId(Uuid::nil()), OutputId(Uuid::nil()));
        let id = DeliveryId::of(event, output);
        let put = "INSERT INTO log (bucket, event, output, id, expires_ms) VALUES (?1, ?2, ?3, ?4, 0)";
        connection.execute(put, params![bucket.0, event.0, output.0, id.0]).unwrap();
        (dir, connection, id)
    }

    #[test]
    fn the_newest_are_kept_and_twice_is_once() {
        let (_dir, connection, id) = delivery();
        let last = ATTEMPTS_KEPT_MAX + 1;
        for number in 1..=last {
            for _ in 0..2 {
                put(&connection, id, GROUP, &fact(number, Next::RetryAt(UnixMs(9)))).unwrap();
            }
            put(&connection, id, GROUP, &fact(number, Next::End(Ending::Failed))).unwrap();
        }
        let kept = of(&connection, id).unwrap();
        assert_eq!(kept.iter().map(|one| one.number).collect::<Vec<_>>(), (2..=last).collect::<Vec<_>>());
        assert_eq!((kept[0].outcome.as_str(), kept[0].next_at), ("timed_out", Some(UnixMs(9))));
    }

    #[test]
    fn they_go_with_their_delivery() {
        let (_dir, connection, id) = delivery();
        put(&connection, id, GROUP, &fact(1, Next::End(Ending::Failed))).unwrap();
        put(&connection, id, GroupId::PUBLIC, &fact(1, Next::End(Ending::Failed))).unwrap();
        assert_eq!(of(&connection, id).unwrap().len(), 2);
        connection.execute("DELETE FROM log", []).unwrap();
        assert_eq!(of(&connection, id).unwrap(), []);
    }
}
