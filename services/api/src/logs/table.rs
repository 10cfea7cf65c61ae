//! How rows lie in SQLite.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::fact::AnswerRef;
use model::{BucketId, DeliveryId, EventId, InputId, OutputId, UnixMs};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tracing::info;
use uuid::Uuid;
use verify::Verdict;

use super::row::{Course, Row};
use super::status::{Endings, Status};

/// The version of the tables: raised with every change to them or to what is put in them.
const VERSION: u32 = 3;
/// How much of the file its writer keeps in memory, in KiB: ids are spread over the whole of their
/// indices, and a page that is not in memory is read and written for each row.
const CACHE_KIB: i32 = 64 * 1024;
/// How many pages are written ahead before they are put in their places: many are written again
/// until then, and need to be put there once.
const WAL_PAGES: u32 = 10_000;
/// How long a connection waits for the one that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A key of `log` begins with the bucket and then sorts by time of receipt, so that a page is one
/// stretch of the table. `input` is null until the event's head was seen; `due` holds the ids of the
/// groups that have a further attempt before them, one after the other.
const TABLES: &str = "
    CREATE TABLE log (
        bucket BLOB NOT NULL,
        event BLOB NOT NULL,
        output BLOB NOT NULL,
        id BLOB NOT NULL,
        input BLOB,
        place INTEGER NOT NULL DEFAULT 0,
        ephemeral INTEGER NOT NULL DEFAULT 0,
        method TEXT NOT NULL DEFAULT '',
        body_bytes INTEGER NOT NULL DEFAULT 0,
        origin BLOB,
        verdict INTEGER NOT NULL DEFAULT 0,
        expires_ms INTEGER NOT NULL,
        status INTEGER NOT NULL DEFAULT 0,
        endings INTEGER NOT NULL DEFAULT 0,
        due BLOB NOT NULL DEFAULT x'',
        attempts INTEGER NOT NULL DEFAULT 0,
        status_code INTEGER NOT NULL DEFAULT 0,
        reason INTEGER NOT NULL DEFAULT 0,
        duration_ms INTEGER NOT NULL DEFAULT 0,
        answer_sequence INTEGER NOT NULL DEFAULT 0,
        answer_index INTEGER NOT NULL DEFAULT 0,
        answer_bytes INTEGER NOT NULL DEFAULT 0,
        updated_ms INTEGER NOT NULL DEFAULT 0,
        fact INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (bucket, event, output)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX log_id ON log (id);
    CREATE INDEX log_expiry ON log (expires_ms);
    CREATE TABLE attempt (
        delivery BLOB NOT NULL REFERENCES log (id) ON DELETE CASCADE,
        \"group\" BLOB NOT NULL,
        number INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        duration_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        status_code INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        next_ms INTEGER,
        PRIMARY KEY (delivery, \"group\", number)
    ) WITHOUT ROWID;
    CREATE TABLE position (
        source TEXT PRIMARY KEY,
        made_at INTEGER NOT NULL,
        sequence INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// The columns that [`row`] reads, in its order.
pub(super) const COLUMNS: &str = "id, bucket, event, output, input, place, ephemeral, method, body_bytes, origin, \
     status, endings, attempts, status_code, reason, duration_ms, answer_sequence, answer_index, answer_bytes, \
     updated_ms, verdict";

/// Opens the file to write. One that is damaged or of another version is deleted and made anew: all
/// that was in it is read again.
///
/// # Errors
/// When it can be neither opened nor made.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    match try_open(path) {
        Ok(Some(connection)) => return Ok(connection),
        Ok(None) => info!("the logs are of another version and begin anew"),
        Err(error) => info!(%error, "the logs cannot be opened and begin anew"),
    }
    remove(path)?;
    try_open(path)?.ok_or(rusqlite::Error::InvalidQuery)
}

/// Deletes the file, with what SQLite keeps beside it.
///
/// # Errors
/// When the system does not let us.
pub(super) fn remove(path: &Path) -> rusqlite::Result<()> {
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(rusqlite::Error::ToSqlConversionFailure(error.into()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether the error says that the file is no good any more.
pub(super) fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Opens the file to read.
///
/// # Errors
/// When it cannot be.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT)?;
    Ok(connection)
}

/// `None` for a file of another version.
fn try_open(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Enough for the file to stay whole; what is lost is read again.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    // Attempts go with their delivery.
    connection.pragma_update(None, "foreign_keys", true)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        return Ok(Some(connection));
    }
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables > 0 {
        return Ok(None);
    }
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(Some(connection))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Reads a row of [`COLUMNS`].
pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let id = |index| row.get::<_, Uuid>(index);
    let answer = AnswerRef { sequence: row.get(16)?, index: row.get(17)?, body_bytes: row.get(18)? };
    Ok(Row {
        id: DeliveryId(id(0)?),
        bucket: BucketId(id(1)?),
        event: EventId(id(2)?),
        output: OutputId(id(3)?),
        input: InputId(id(4)?),
        place: row.get(5)?,
        ephemeral: row.get(6)?,
        method: row.get(7)?,
        body_bytes: row.get(8)?,
        origin: row.get::<_, Option<Uuid>>(9)?.map(EventId),
        verdict: Verdict::of(row.get(20)?),
        status: Status::of(row.get(10)?),
        course: Course {
            endings: Endings(row.get(11)?),
            attempts: row.get(12)?,
            status_code: row.get(13)?,
            reason: row.get(14)?,
            duration_ms: row.get(15)?,
            answer: (answer.sequence != 0).then_some(answer),
            updated_at: UnixMs(row.get(19)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_version_or_no_database_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs.sqlite");
        let fill = |connection: &Connection| {
            connection.execute("INSERT INTO position VALUES ('EPHEMERAL', 1, 1)", []).unwrap();
        };
        let count = |connection: &Connection| -> u32 {
            connection.query_row("SELECT count(*) FROM position", [], |row| row.get(0)).unwrap()
        };
        fill(&open(&path).unwrap());
        assert_eq!(count(&open(&path).unwrap()), 1, "the same version stays");
        open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        let anew = open(&path).unwrap();
        assert_eq!(count(&anew), 0);
        fill(&anew);
        drop(anew);
        fs::write(&path, vec![7; 8192]).unwrap();
        assert_eq!(count(&open(&path).unwrap()), 0);
    }
}
