//! Logs as JSON: one is one delivery.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::answer::Answer;
use model::reason::Reason;
use model::record;
use model::request::{Header, Request};
use model::{AccountId, BucketId, DeliveryId, EventId, InputId, OutputId};
use serde::{Serialize, Serializer};

use super::header::Headers;
use crate::logs::attempt::Attempt;
use crate::logs::row::Row;
use crate::when;

/// What was received and what was answered, opened.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) request: Option<Request>,
    /// The whole body, unless it is left out.
    pub(crate) body: Bytes,
    pub(crate) answer: Option<Answer>,
    /// How much of an answer's body is shown, in bytes: all of one that is no larger, or nothing.
    pub(crate) answer_bytes_max: usize,
}

/// One try at a delivery: ours, as all that it has.
#[derive(Debug, Serialize)]
pub(crate) struct Tried {
    number: u32,
    /// The group of agents that made it, by its name; `public` for the relay itself, and the id of a
    /// group that is gone.
    group: String,
    started_at: String,
    /// When its outcome was known.
    at: String,
    duration_ms: u32,
    outcome: String,
    status_code: u16,
    reason: &'static str,
    /// When the next one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
}

impl Tried {
    /// Shows an attempt of the group of this name.
    pub(crate) fn new(attempt: &Attempt, group: String) -> Self {
        Self {
            number: attempt.number,
            group,
            started_at: when::moment(attempt.at.minus(Duration::from_millis(attempt.duration_ms.into()))),
            at: when::moment(attempt.at),
            duration_ms: attempt.duration_ms,
            outcome: attempt.outcome.clone(),
            status_code: attempt.status_code,
            reason: Reason::of(attempt.reason).map_or("", Reason::text),
            next_at: attempt.next_at.map(when::moment),
        }
    }
}

/// A log.
#[derive(Debug, Serialize)]
pub(crate) struct Log {
    id: DeliveryId,
    account_id: AccountId,
    bucket_id: BucketId,
    input_id: InputId,
    output_id: String,
    internal: bool,
    status: &'static str,
    /// Ours: how it ended, where `status` has no word for it.
    ending: &'static str,
    /// Ours: why.
    reason: &'static str,
    /// Ours: what came of verifying the signature: `none`, `verified` or `failed`.
    verdict: &'static str,
    /// Ours: why it did not verify.
    verdict_reason: &'static str,
    status_code: u16,
    method: String,
    #[serde(serialize_with = "lines")]
    headers: Vec<(String, String)>,
    raw_query: String,
    extra_path: String,
    body: String,
    /// Ours: the body where a text cannot say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Ours: the size of the whole body.
    body_bytes: u64,
    response_body: String,
    #[serde(serialize_with = "lines")]
    response_headers: Vec<(String, String)>,
    /// Ours: the size of the whole answer.
    response_body_bytes: u64,
    retries: u32,
    /// Ours: each attempt, oldest first; only where one log is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<Tried>>,
    duration_ms: u32,
    ip_address: String,
    ephemeral: bool,
    input_function_execution_id: &'static str,
    output_function_execution_id: &'static str,
    service_connection_input_type: &'static str,
    service_connection_output_type: &'static str,
    compression: &'static str,
    /// Ours: the event; the logs of its other outputs have the same.
    event_id: EventId,
    /// Ours: the event that this one repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_id: Option<EventId>,
    created_at: u64,
    updated_at: u64,
    deleted_at: u64,
}

impl Log {
    /// Shows a delivery; of an ephemeral bucket nothing but how it stands.
    pub(crate) fn new(row: &Row, account: AccountId, output: Option<&record::Output>, content: Content) -> Self {
        let Content { request, body, answer, answer_bytes_max } = content;
        let request = request.unwrap_or_default();
        let answered = answer.unwrap_or_default();
        let shown = if answered.body.len() <= answer_bytes_max { &answered.body[..] } else { &[] };
        let is_text = std::str::from_utf8(&body).is_ok();
        Self {
            id: row.id,
            account_id: account,
            bucket_id: row.bucket,
            input_id: row.input,
            output_id: if row.output == OutputId::NONE { String::new() } else { row.output.to_string() },
            internal: output.is_some_and(|output| output.internal),
            status: row.status.name(),
            ending: row.status.ending(),
            reason: Reason::of(row.course.reason).map_or("", Reason::text),
            verdict: row.verdict.name(),
            verdict_reason: row.verdict.reason().map_or("", verify::Reason::text),
            status_code: row.course.status_code,
            method: if row.method.is_empty() { request.method } else { row.method.clone() },
            headers: texts(&request.headers),
            raw_query: request.query.as_deref().map(text).unwrap_or_default(),
            extra_path: text(&request.extra_path),
            body_base64: (!is_text).then(|| STANDARD.encode(&body)),
            body: text(&body),
            body_bytes: row.body_bytes,
            response_body: STANDARD.encode(shown),
            response_headers: texts(&answered.headers),
            response_body_bytes: row.course.answer.map_or(0, |answer| answer.body_bytes),
            retries: row.course.attempts.saturating_sub(1),
            attempts: None,
            duration_ms: row.course.duration_ms,
            ip_address: request.peer,
            ephemeral: row.ephemeral,
            input_function_execution_id: "",
            output_function_execution_id: "",
            service_connection_input_type: "",
            service_connection_output_type: "",
            compression: "",
            event_id: row.event,
            origin_id: row.origin,
            created_at: row.received_at().seconds(),
            updated_at: row.course.updated_at.max(row.received_at()).seconds(),
            deleted_at: 0,
        }
    }

    /// The same with its attempts.
    pub(crate) fn with_attempts(self, attempts: Vec<Tried>) -> Self {
        Self { attempts: Some(attempts), ..self }
    }
}

/// A page of logs.
#[derive(Serialize)]
pub(crate) struct Page {
    pub(crate) data: Vec<Log>,
    pub(crate) total: u64,
    pub(crate) limit: usize,
    pub(crate) offset: u64,
    pub(crate) next_cursor: String,
    /// There are more than were counted, or older ones are still being read.
    pub(crate) truncated: bool,
}

/// What a worker who polls is given.
#[derive(Serialize)]
pub(crate) struct Taken {
    pub(crate) logs: Option<Vec<Log>>,
    pub(crate) has_more: bool,
    pub(crate) next_cursor: String,
}

fn texts(headers: &[Header]) -> Vec<(String, String)> {
    headers.iter().map(|line| (text(&line.name), text(&line.value))).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines<S: Serializer>(lines: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    Headers(lines).serialize(serializer)
}
