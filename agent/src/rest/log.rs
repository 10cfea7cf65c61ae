//! Deliveries as the API shows them: it calls them logs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::record::or_null;

/// One event on its way to one output.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Log {
    /// Its id.
    pub id: String,
    /// The bucket.
    #[serde(default)]
    pub bucket_id: String,
    /// The input that the event came by.
    #[serde(default)]
    pub input_id: String,
    /// The output that it goes to; empty for a bucket without outputs.
    #[serde(default)]
    pub output_id: String,
    /// `received`, `sent`, `failed`, `stalled`, `rejected`, …
    #[serde(default)]
    pub status: String,
    /// The status of the destination's answer; 0 for none.
    #[serde(default)]
    pub status_code: u16,
    /// The method of the event.
    #[serde(default)]
    pub method: String,
    /// What followed the input's id in the path.
    #[serde(default)]
    pub extra_path: String,
    /// The query, without `?`.
    #[serde(default)]
    pub raw_query: String,
    /// The headers of the event; absent where a list leaves them out.
    #[serde(default)]
    pub headers: Option<Map<String, Value>>,
    /// The body of the event, as text.
    #[serde(default, deserialize_with = "or_null")]
    pub body: String,
    /// The headers of the answer.
    #[serde(default)]
    pub response_headers: Option<Map<String, Value>>,
    /// The body of the answer, in base64.
    #[serde(default, deserialize_with = "or_null")]
    pub response_body: String,
    /// How many attempts came after the first.
    #[serde(default)]
    pub retries: u32,
    /// How long the last attempt took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// When the event was received.
    #[serde(default)]
    pub created_at: Value,
    /// The attempts, where they are said.
    #[serde(default, deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One try at a delivery.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    #[serde(default)]
    pub number: u32,
    /// When it ended.
    #[serde(default)]
    pub at: Value,
    /// The status of the answer; 0 for none.
    #[serde(default)]
    pub status_code: u16,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// How it ended: `answered`, `refused`, `timed_out`, …
    #[serde(default)]
    pub outcome: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LogPage {
    /// The deliveries.
    #[serde(default, deserialize_with = "or_null")]
    pub data: Vec<Log>,
    /// Leads to the next page; empty on the last.
    #[serde(default, deserialize_with = "or_null")]
    pub next_cursor: String,
}

/// Events that were handed out.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EventPage {
    /// The events.
    #[serde(default, deserialize_with = "or_null")]
    pub logs: Vec<Log>,
    /// Whether there are more at hand.
    #[serde(default)]
    pub has_more: bool,
}

impl Log {
    /// The value of a header of the event, whatever the case of its name; several are joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.as_ref()?;
        let (_, value) = headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(values(value).join(", "))
    }

    /// Path and query as the caller wrote them.
    pub fn target(&self) -> String {
        let path = if self.extra_path.is_empty() { "/" } else { &self.extra_path };
        match self.raw_query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{}", self.raw_query),
        }
    }
}

/// The values of a header, which the API has as a list or as one text.
pub fn values(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
