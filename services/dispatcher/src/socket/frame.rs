//! The frames of the public socket: one JSON object each, in text.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::Secret;
use model::request::Header;
use model::{BucketId, DeliveryId, InputId};
use serde::{Deserialize, Serialize};

/// What a client says.
#[derive(Debug)]
pub(crate) enum FromClient {
    /// Who it is.
    Auth(Credentials),
    /// What it wants: buckets by name or id; none means all. Whether bodies come in Base64.
    Subscribe(Vec<String>, Option<bool>),
    /// It has received everything before the ping that this answers.
    Pong,
    /// Something that this version does not know; clients of later versions may say it.
    Unknown,
}

/// What a client authenticates with.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// The token's key.
    pub(super) key: String,
    /// Its secret.
    pub(super) secret: Secret,
    /// Whether bodies come in Base64 too.
    pub(super) body_base64: Option<bool>,
}

/// Every field that any client sends with any action.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    action: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    secret: Option<String>,
    #[serde(default)]
    buckets: Option<Vec<String>>,
    #[serde(default)]
    body_base64: Option<bool>,
}

impl FromClient {
    /// Reads a frame. Whatever it cannot read is unknown, and harmless.
    pub(crate) fn read(text: &str) -> Self {
        let Ok(raw) = serde_json::from_str::<Raw>(text) else { return Self::Unknown };
        match raw.action.as_str() {
            "auth" => Self::Auth(Credentials {
                key: raw.key.unwrap_or_default(),
                secret: Secret::from(raw.secret.unwrap_or_default()),
                body_base64: raw.body_base64,
            }),
            "subscribe" => {
                let buckets = raw.buckets.unwrap_or_default().into_iter().filter(|name| !name.is_empty());
                Self::Subscribe(buckets.collect(), raw.body_base64)
            }
            "pong" => Self::Pong,
            _ => Self::Unknown,
        }
    }
}

/// What the status frame says.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// The credentials are good.
    Authenticated,
    /// Webhooks come from now on.
    Subscribed,
    /// The credentials are not good; clients do not come back after this.
    Unauthorized,
    /// Asks for a pong.
    Ping,
}

/// A status frame.
pub(super) fn status(status: Status, message: &str) -> String {
    serde_json::json!({ "type": "status", "status": status, "message": message }).to_string()
}

/// A webhook frame.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "webhook")]
pub(crate) struct Webhook {
    /// What it is about.
    pub(crate) meta: Meta,
    /// Header lines by name, each with its values in order.
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    /// The query as sent, without `?`.
    pub(crate) query: String,
    /// The body as text; what is not UTF-8 is replaced.
    pub(crate) body: String,
    /// The body in Base64 (RFC 4648, section 4), for clients that ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_base64: Option<String>,
    /// The method.
    pub(crate) method: String,
}

/// What a webhook frame is about.
#[derive(Debug, Serialize)]
pub(crate) struct Meta {
    /// The delivery, which clients report on.
    pub(crate) id: DeliveryId,
    /// The bucket, under the name that clients have always read.
    pub(crate) bucked_id: BucketId,
    /// The bucket.
    pub(crate) bucket_id: BucketId,
    /// Its name.
    pub(crate) bucket_name: String,
    /// The input.
    pub(crate) input_id: InputId,
    /// Its name.
    pub(crate) input_name: String,
    /// The output's name; empty for a bucket without outputs.
    pub(crate) output_name: String,
    /// The whole URL but the caller's query; for a bucket without outputs the path that was called.
    pub(crate) output_destination: String,
}

impl Webhook {
    /// The frame's text.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// The body as the frame carries it: as text, and in Base64 where that was asked for.
pub(crate) fn body(bytes: &[u8], in_base64: bool) -> (String, Option<String>) {
    (String::from_utf8_lossy(bytes).into_owned(), in_base64.then(|| STANDARD.encode(bytes)))
}

/// Header lines by name. `Host` is left out: the client makes a request to another host.
pub(crate) fn headers(lines: &[Header]) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.is("host")) {
        let value = String::from_utf8_lossy(&line.value).into_owned();
        headers.entry(canonical(&line.name)).or_default().push(value);
    }
    headers
}

/// A header's name with each word's first letter large, as the clients look them up.
fn canonical(name: &[u8]) -> String {
    let mut is_first = true;
    let mut canonical = String::with_capacity(name.len());
    for c in String::from_utf8_lossy(name).chars() {
        canonical.push(if is_first { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
        is_first = c == '-';
    }
    canonical
}

#[cfg(test)]
mod tests;
