//! The canaries of a bucket as JSON.

use model::{DeliveryId, EventId, OutputId, UnixMs};
use serde::Serialize;

use crate::logs::row::Row;
use crate::logs::status::Status;

/// What became of the last canaries of a bucket.
#[derive(Serialize)]
pub(crate) struct Canaries {
    /// How often one is sent, in seconds; 0 for never.
    every_seconds: u32,
    /// When the last was sent that came back from every output, in Unix seconds; `null` when none of
    /// those below did.
    last_returned: Option<u64>,
    /// The last ones that are in the log, newest first.
    canaries: Vec<Canary>,
}

/// A canary.
#[derive(Serialize)]
pub(crate) struct Canary {
    event_id: EventId,
    /// When it was sent, in Unix seconds.
    sent_at: u64,
    /// Whether every output has taken it.
    returned: bool,
    outputs: Vec<OnOutput>,
}

/// A canary on its way to an output.
#[derive(Serialize)]
struct OnOutput {
    /// Empty where the bucket has no output.
    output_id: String,
    log_id: DeliveryId,
    status: &'static str,
    status_code: u16,
    /// From its beginning to the last that is known of it, in milliseconds.
    took_ms: u64,
}

impl Canaries {
    /// Shows these, newest first.
    pub(crate) fn new(every_seconds: u32, canaries: Vec<Canary>) -> Self {
        let last_returned = canaries.iter().find(|canary| canary.returned).map(|canary| canary.sent_at);
        Self { every_seconds, last_returned, canaries }
    }
}

impl Canary {
    /// Shows one that was due at that time, by its rows; `None` when it has none.
    pub(crate) fn new(event: EventId, due_at: UnixMs, rows: &[Row]) -> Option<Self> {
        let returned = rows.iter().all(|row| row.status == Status::Sent);
        let outputs: Vec<_> = rows.iter().map(|row| OnOutput::new(row, due_at)).collect();
        (!outputs.is_empty()).then_some(Self { event_id: event, sent_at: due_at.seconds(), returned, outputs })
    }
}

impl OnOutput {
    fn new(row: &Row, due_at: UnixMs) -> Self {
        let ended_at = row.course.updated_at.max(due_at);
        Self {
            output_id: if row.output == OutputId::NONE { String::new() } else { row.output.to_string() },
            log_id: row.id,
            status: row.status.name(),
            status_code: row.course.status_code,
            took_ms: u64::try_from(ended_at.since(due_at).as_millis()).unwrap_or(u64::MAX),
        }
    }
}
