//! What rules would do to events, as JSON.

use model::EventId;
use model::rules::{Reason, Verdict};
use serde::Serialize;

/// What rules would do.
#[derive(Serialize)]
pub(crate) struct Preview {
    passed: usize,
    rejected: usize,
    /// Newest first.
    events: Vec<Judged>,
}

/// What rules would do to one event.
#[derive(Serialize)]
pub(crate) struct Judged {
    event_id: EventId,
    created_at: u64,
    method: String,
    passes: bool,
    /// Why it would not pass.
    reason: Option<Reason>,
}

impl Preview {
    /// Counts them.
    pub(crate) fn new(events: Vec<Judged>) -> Self {
        let passed = events.iter().filter(|event| event.passes).count();
        Self { passed, rejected: events.len() - passed, events }
    }
}

impl Judged {
    /// Shows a verdict.
    pub(crate) fn new(event: EventId, method: String, verdict: &Verdict) -> Self {
        let reason = match verdict {
            Verdict::Pass => None,
            Verdict::Reject(reason) => Some(*reason),
        };
        let created_at = event.received_at().seconds();
        Self { event_id: event, created_at, method, passes: reason.is_none(), reason }
    }
}
