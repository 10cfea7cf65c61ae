//! Which of the last events rules would let through.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cli::failure::Failure;
use crate::cli::moment::shown;
use crate::cli::out::Out;

/// What rules would do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Preview {
    passed: u64,
    rejected: u64,
    events: Vec<Judged>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What they would do to one event.
#[derive(Debug, Serialize, Deserialize)]
struct Judged {
    event_id: String,
    #[serde(default)]
    created_at: Value,
    #[serde(default)]
    method: String,
    passes: bool,
    #[serde(default)]
    reason: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Shows it.
pub(super) fn show(preview: &Preview, out: &mut Out) -> Result<(), Failure> {
    if out.is_json() {
        return Ok(out.json(preview)?);
    }
    out.list(&preview.events, ["TIME", "METHOD", "PASSES", "WHY NOT", "EVENT"], |event| {
        let why = event.reason.as_deref().unwrap_or_default().replace('_', " ");
        let passes = if event.passes { "yes" } else { "no" }.to_owned();
        [shown(&event.created_at), event.method.clone(), passes, why, event.event_id.clone()]
    })?;
    Ok(out.line(format_args!("{} would pass, {} would not", preview.passed, preview.rejected))?)
}
