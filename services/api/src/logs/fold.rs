//! The one writer: takes what the feed tells into SQLite, in batches, and clears away what is over.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use model::fact::{AnswerRef, Ending, Fact};
use model::{BucketId, DeliveryId, EventId, GroupId, OutputId, UnixMs};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use store::Store;
use store::feed::{self, Head, Position, Source, Told, What};
use uuid::Uuid;

use super::row::{Course, Due};
use super::status::Endings;
use super::{Change, Cursor, attempt, table};

/// How many rows are deleted in one statement, so that none keeps the file for long.
const SWEEP_ROWS_MAX: usize = 20_000;

/// Writes the logs.
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    store: Store,
    positions: HashMap<Source, Position>,
    caught_up: HashSet<Source>,
    /// How long each stream keeps what is in it.
    retentions: HashMap<Source, Duration>,
    /// Buckets of rows that were not in the directory at the last sweep: it may be behind.
    missing: HashSet<BucketId>,
}

/// What came of a batch.
pub(super) enum Folded {
    /// It is taken in.
    Done {
        /// What changed.
        touched: Vec<Touched>,
        /// Of how many streams everything was told.
        caught_up: usize,
    },
    /// The streams are not those that the rows tell of.
    Other,
    /// Somebody has deleted the file.
    Gone,
}

/// A delivery that a message changed, and the message.
pub(super) struct Touched {
    key: Key,
    source: Source,
    sequence: u64,
}

/// The key of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    bucket: BucketId,
    event: EventId,
    output: OutputId,
}

impl Writer {
    /// Opens the file. Nothing is changed yet.
    pub(super) fn open(path: &Path, store: Store) -> rusqlite::Result<Self> {
        let connection = table::open(path)?;
        let positions = positions(&connection)?;
        let (caught_up, missing) = (HashSet::new(), HashSet::new());
        Ok(Self { connection, path: path.to_owned(), store, positions, caught_up, retentions: HashMap::new(), missing })
    }

    /// How far each stream is taken in.
    pub(super) fn positions(&self) -> &HashMap<Source, Position> {
        &self.positions
    }

    /// Takes in what was told, all of it or nothing.
    pub(super) fn fold(&mut self, batch: Vec<Told>) -> rusqlite::Result<Folded> {
        if !self.path.exists() {
            return Ok(Folded::Gone);
        }
        let now = UnixMs::from(SystemTime::now());
        let (mut touched, mut moved) = (Vec::new(), HashSet::new());
        let transaction = self.connection.transaction()?;
        for told in batch {
            let (source, sequence) = (told.source, told.position.sequence);
            self.positions.insert(source, told.position);
            moved.insert(source);
            match told.what {
                What::Followed { is_other: true, .. } if source != Source::Ephemeral => return Ok(Folded::Other),
                What::Followed { retention, is_other } => {
                    if is_other {
                        transaction.execute("DELETE FROM log WHERE ephemeral", [])?;
                    }
                    self.retentions.insert(source, retention);
                }
                What::Event(head) => {
                    let expires_at = expires_at(&head, self.retentions.get(&source));
                    for output in due_outputs(&self.store, &head) {
                        let key = Key { bucket: head.bucket, event: head.event, output };
                        put_head(&transaction, &head, output, source, sequence, expires_at)?;
                        if head.meta.withheld {
                            put_fact(&transaction, key, GroupId::API, &rejected(&head), sequence, expires_at)?;
                        }
                        touched.push(Touched { key, source, sequence });
                    }
                }
                What::Facts { bucket, output, group, facts } => {
                    let kept_for = kept_for(&self.store, &self.retentions, bucket, source);
                    for fact in &facts {
                        let expires_at = fact.event().received_at().plus(kept_for);
                        if expires_at > now {
                            let key = Key { bucket, event: fact.event(), output };
                            put_fact(&transaction, key, group, fact, sequence, expires_at)?;
                            touched.push(Touched { key, source, sequence });
                        }
                    }
                }
                What::Unreadable => {}
                What::CaughtUp => {
                    self.caught_up.insert(source);
                }
            }
        }
        for source in moved {
            put_position(&transaction, source, self.positions.get(&source).copied().unwrap_or_default())?;
        }
        transaction.commit()?;
        Ok(Folded::Done { touched, caught_up: self.caught_up.len() })
    }

    /// Deletes rows of events that are not kept any more, and of buckets that are gone.
    pub(super) fn sweep(&mut self) -> rusqlite::Result<Folded> {
        if !self.path.exists() {
            return Ok(Folded::Gone);
        }
        let now = UnixMs::from(SystemTime::now());
        let expired = "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE expires_ms < ?1 LIMIT ?2)";
        while self.connection.execute(expired, params![now.0, SWEEP_ROWS_MAX])? == SWEEP_ROWS_MAX {}
        let buckets = self.buckets()?.into_iter();
        let missing: HashSet<_> = buckets.filter(|id| self.store.directory().bucket(*id).is_none()).collect();
        for bucket in missing.intersection(&self.missing) {
            let gone = "DELETE FROM log WHERE id IN (SELECT id FROM log WHERE bucket = ?1 LIMIT ?2)";
            while self.connection.execute(gone, params![bucket.0, SWEEP_ROWS_MAX])? == SWEEP_ROWS_MAX {}
        }
        self.missing = missing;
        Ok(Folded::Done { touched: Vec::new(), caught_up: self.caught_up.len() })
    }

    /// Forgets everything: all streams are read from their beginning again.
    pub(super) fn clear(&mut self) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN; DELETE FROM log; DELETE FROM position; COMMIT;")
    }

    /// The buckets of which there are rows: one step in the table for each.
    fn buckets(&self) -> rusqlite::Result<Vec<BucketId>> {
        let mut next = self.connection.prepare_cached("SELECT min(bucket) FROM log WHERE bucket > ?1")?;
        let (mut buckets, mut last) = (Vec::new(), Uuid::nil());
        while let Some(bucket) = next.query_row([last], |row| row.get::<_, Option<Uuid>>(0))? {
            buckets.push(BucketId(bucket));
            last = bucket;
        }
        Ok(buckets)
    }

    /// Each delivery that changed and may be shown, once, where it changed last.
    pub(super) fn changes(&self, touched: Vec<Touched>) -> rusqlite::Result<Vec<Change>> {
        let mut known = self.connection.prepare_cached(
            "SELECT ephemeral FROM log WHERE bucket = ?1 AND event = ?2 AND output = ?3 AND input IS NOT NULL",
        )?;
        let last: HashMap<Key, usize> = touched.iter().enumerate().map(|(at, touched)| (touched.key, at)).collect();
        // The batch began with what came before its first message of each stream.
        let mut reached: HashMap<Source, u64> = HashMap::new();
        for Touched { source, sequence, .. } in touched.iter().rev() {
            reached.insert(*source, sequence - 1);
        }
        let mut changes = Vec::new();
        for (at, Touched { key, source, sequence }) in touched.into_iter().enumerate() {
            reached.insert(source, sequence);
            if last.get(&key) != Some(&at) {
                continue;
            }
            let Key { bucket, event, output } = key;
            let ephemeral = known.query_row(params![bucket.0, event.0, output.0], |row| row.get(0)).optional()?;
            let Some(ephemeral) = ephemeral else { continue };
            let (events, facts) = feed::sources_of(&self.store, bucket, ephemeral);
            let of = |source| {
                let whole = || self.positions.get(&source).map_or(0, |position| position.sequence);
                reached.get(&source).copied().unwrap_or_else(whole)
            };
            changes.push(Change { bucket, event, output, cursor: Cursor { events: of(events), facts: of(facts) } });
        }
        Ok(changes)
    }
}

fn positions(connection: &Connection) -> rusqlite::Result<HashMap<Source, Position>> {
    let mut select = connection.prepare("SELECT source, made_at, sequence FROM position")?;
    let rows = select.query_map([], |row| {
        let position = Position { made_at: row.get(1)?, sequence: row.get(2)? };
        Ok((row.get::<_, String>(0)?, position))
    })?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter_map(|(source, position)| Some((source.parse().ok()?, position))).collect())
}

fn put_position(transaction: &Transaction<'_>, source: Source, position: Position) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO position VALUES (?1, ?2, ?3)")?;
    put.execute(params![source.to_string(), position.made_at, position.sequence]).map(drop)
}

/// The outputs that an event is due to; one of a bucket without outputs is due to those who listen
/// to the bucket itself.
pub(super) fn due_outputs(store: &Store, head: &Head) -> Vec<OutputId> {
    let outputs = match &head.meta.outputs {
        // Its owner sees it, and it goes nowhere.
        _ if head.meta.withheld => Vec::new(),
        Some(outputs) => outputs.clone(),
        None => store.directory().outputs_of(head.bucket).iter().map(|output| output.record.id).collect(),
    };
    if outputs.is_empty() { vec![OutputId::NONE] } else { outputs }
}

/// What became of an event that was refused when it came: that it stands in the log says it all.
fn rejected(head: &Head) -> Fact {
    Fact::DeliveryEnded { event: head.event, at: head.event.received_at(), ending: Ending::Rejected, reason: None }
}

/// How long a stream keeps what is in it, where 0 means for good.
fn lasting(retention: Option<&Duration>) -> Duration {
    let for_good = Duration::from_secs(u64::from(u32::MAX));
    retention.copied().filter(|retention| !retention.is_zero()).unwrap_or(for_good)
}

pub(super) fn expires_at(head: &Head, retention: Option<&Duration>) -> UnixMs {
    let kept_for = match head.meta.keep_seconds {
        0 => lasting(retention),
        seconds => Duration::from_secs(seconds.into()).min(lasting(retention)),
    };
    head.event.received_at().plus(kept_for)
}

/// How long an event is kept of which nothing but facts is known.
fn kept_for(store: &Store, retentions: &HashMap<Source, Duration>, bucket: BucketId, facts: Source) -> Duration {
    let by_stream = lasting(retentions.get(&facts));
    let Some(bucket) = store.directory().bucket(bucket) else { return by_stream };
    let by_bucket = match bucket.record.retention_seconds {
        0 => by_stream,
        seconds => Duration::from_secs(seconds.into()).min(by_stream),
    };
    if bucket.record.ephemeral { lasting(retentions.get(&Source::Ephemeral)).min(by_bucket) } else { by_bucket }
}

fn put_head(
    transaction: &Transaction<'_>,
    head: &Head,
    output: OutputId,
    source: Source,
    place: u64,
    expires_at: UnixMs,
) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO log (bucket, event, output, id, input, place, ephemeral, method, body_bytes, origin, verdict, \
             expires_ms, updated_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (bucket, event, output) DO UPDATE SET input = excluded.input, place = excluded.place, \
             ephemeral = excluded.ephemeral, method = excluded.method, body_bytes = excluded.body_bytes, \
             origin = excluded.origin, verdict = excluded.verdict, expires_ms = excluded.expires_ms",
    )?;
    let ephemeral = source == Source::Ephemeral;
    let method = if ephemeral { "" } else { head.meta.method.as_str() };
    let values = params![
        head.bucket.0,
        head.event.0,
        output.0,
        DeliveryId::of(head.event, output).0,
        head.input.0,
        place,
        ephemeral,
        method,
        head.meta.body_bytes,
        head.meta.origin.map(|origin| origin.0),
        head.meta.verdict,
        expires_at.0,
        head.event.received_at().0,
    ];
    put.execute(values).map(drop)
}

fn put_fact(
    transaction: &Transaction<'_>,
    key: Key,
    group: GroupId,
    fact: &Fact,
    sequence: u64,
    expires_at: UnixMs,
) -> rusqlite::Result<()> {
    let (mut course, mut due) = course(transaction, key)?.unwrap_or_default();
    let is_due = course.apply(fact);
    due.retain(|other| *other != group.0);
    if is_due == Due::Yes {
        due.push(group.0);
    }
    let status = course.endings.status(u32::try_from(due.len()).unwrap_or(u32::MAX));
    let answer = course.answer.unwrap_or(AnswerRef { sequence: 0, index: 0, body_bytes: 0 });
    let mut put = transaction.prepare_cached(
        "INSERT INTO log (bucket, event, output, id, expires_ms, status, endings, due, attempts, status_code, reason, \
             duration_ms, answer_sequence, answer_index, answer_bytes, updated_ms, fact) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
         ON CONFLICT (bucket, event, output) DO UPDATE SET status = excluded.status, endings = excluded.endings, \
             due = excluded.due, attempts = excluded.attempts, status_code = excluded.status_code, \
             reason = excluded.reason, duration_ms = excluded.duration_ms, \
             answer_sequence = excluded.answer_sequence, answer_index = excluded.answer_index, \
             answer_bytes = excluded.answer_bytes, updated_ms = excluded.updated_ms, fact = excluded.fact",
    )?;
    let delivery = DeliveryId::of(key.event, key.output);
    let values = params![
        key.bucket.0,
        key.event.0,
        key.output.0,
        delivery.0,
        expires_at.0,
        status as u8,
        course.endings.0,
        due.iter().flat_map(|group| *group.as_bytes()).collect::<Vec<u8>>(),
        course.attempts,
        course.status_code,
        course.reason,
        course.duration_ms,
        answer.sequence,
        answer.index,
        answer.body_bytes,
        course.updated_at.0,
        sequence,
    ];
    put.execute(values)?;
    attempt::put(transaction, delivery, group, fact)
}

/// How a delivery went so far, and the groups that have a further attempt before them.
fn course(transaction: &Transaction<'_>, key: Key) -> rusqlite::Result<Option<(Course, Vec<Uuid>)>> {
    let mut get = transaction.prepare_cached(
        "SELECT endings, due, attempts, status_code, reason, duration_ms, answer_sequence, answer_index, \
             answer_bytes, updated_ms \
         FROM log WHERE bucket = ?1 AND event = ?2 AND output = ?3",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let answer = AnswerRef { sequence: row.get(6)?, index: row.get(7)?, body_bytes: row.get(8)? };
        let course = Course {
            endings: Endings(row.get(0)?),
            attempts: row.get(2)?,
            status_code: row.get(3)?,
            reason: row.get(4)?,
            duration_ms: row.get(5)?,
            answer: (answer.sequence != 0).then_some(answer),
            updated_at: UnixMs(row.get(9)?),
        };
        let due: Vec<u8> = row.get(1)?;
        Ok((course, due.chunks_exact(16).filter_map(|group| Uuid::from_slice(group).ok()).collect()))
    };
    get.query_row(params![key.bucket.0, key.event.0, key.output.0], read).optional()
}
