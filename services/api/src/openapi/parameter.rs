//! What may stand in a path and in a query.

use serde_json::{Value, json};

/// Where the bucket must be named.
const BUCKET_NEEDED: [&str; 3] = ["/v1/logs", "/v1/logs/stream", "/v1/events"];

/// Describes a part of a path: an id.
pub(super) fn in_path(name: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true,
        "schema": { "type": "string", "format": "uuid" },
        "example": "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11",
    })
}

/// Describes what may be said in a query. A test sees to it that all are known here.
pub(super) fn in_query(path: &str, name: &str) -> Value {
    let (description, kind, example) = about(name).unwrap_or_default();
    json!({
        "name": name, "in": "query", "required": name == "bucket" && BUCKET_NEEDED.contains(&path), "description": description,
        "schema": { "type": kind }, "example": example,
    })
}

/// What it is, of which type, and an example.
pub(super) fn about(name: &str) -> Option<(&'static str, &'static str, Value)> {
    let text = |what, example: &str| Some((what, "string", json!(example)));
    let whole = |what, example: u32| Some((what, "integer", json!(example)));
    match name {
        "bucket" => text("The bucket, by name or id.", "orders"),
        "bucket_id" | "bucketId" => text("The bucket, by name or id; all without it.", "orders"),
        "output" => text("Of this output, by name or id.", "app"),
        "output_id" => text("Of this output, by id.", "0199b2c8-7a6e-4d1e-9a53-3f1d2b9c0a11"),
        "input" => text("By this input, by name or id.", "shop"),
        "method" => text("With this method.", "POST"),
        "status" => text("That stand so, or ended so: sent, failed, expired, pending, …", "failed"),
        "status_code" => whole("With this status as the answer.", 500),
        "from" => text("Received then or later: a day, or a time as in RFC 3339.", "2026-01-31"),
        "to" => text("Received until then: a day, all of it, or a time as in RFC 3339.", "2026-02-01T12:00:00Z"),
        "limit" => whole("At most so many.", 10),
        "offset" => whole("Less the first so many.", 0),
        "cursor" => text("From where the page before ended: its `next_cursor`.", ""),
        "max_age" => text("No older than that, as Go writes durations.", "24h"),
        "force" => text("Also with what is in it: `true`.", "true"),
        _ => None,
    }
}
