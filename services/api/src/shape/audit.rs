//! Changes of records as JSON: ids alone, and nothing of what was written.

use model::TokenId;
use serde::Serialize;
use store::directory::{self, Key, Past};
use uuid::Uuid;

use crate::when;

/// A page of changes.
#[derive(Serialize)]
pub(crate) struct Page {
    data: Vec<Change>,
    next_cursor: String,
}

/// A change of a record.
#[derive(Serialize)]
struct Change {
    /// Its place in the history.
    revision: u64,
    at: String,
    operation: &'static str,
    /// What kind of record it is: `bucket`, `input`, ….
    kind: &'static str,
    id: String,
    /// The bucket that it belongs to; empty for what belongs to the account alone.
    bucket_id: String,
    /// The token by which it was asked for.
    token_id: TokenId,
}

impl Page {
    /// Shows a part of the history.
    pub(crate) fn new(past: &Past) -> Self {
        Self {
            data: past.changes.iter().map(Change::new).collect(),
            next_cursor: past.before.map(|before| before.to_string()).unwrap_or_default(),
        }
    }
}

impl Change {
    fn new(change: &directory::Change) -> Self {
        let (kind, id, bucket) = what(&change.key);
        Self {
            revision: change.revision,
            at: when::moment(change.at),
            operation: change.operation.name(),
            kind,
            id,
            bucket_id: bucket.map(|bucket| bucket.to_string()).unwrap_or_default(),
            token_id: change.actor.token,
        }
    }
}

fn what(key: &Key) -> (&'static str, String, Option<Uuid>) {
    match key {
        Key::Account(id) => ("account", id.to_string(), None),
        Key::Bucket(id) => ("bucket", id.to_string(), Some(id.0)),
        Key::Input(bucket, id) => ("input", id.to_string(), Some(bucket.0)),
        Key::Output(bucket, id) => ("output", id.to_string(), Some(bucket.0)),
        Key::Token(id) => ("token", id.to_string(), None),
        Key::Group(bucket, _, id) => ("group", id.to_string(), Some(bucket.0)),
        Key::Signer(id) => ("signer", id.clone(), None),
        Key::Domain(id) => ("domain", id.to_string(), None),
        Key::Integration(id) => ("integration", id.to_string(), None),
        Key::Cron(id) => ("cron", id.to_string(), None),
    }
}
