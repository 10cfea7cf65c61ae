//! Buckets as JSON.

use model::UnixMs;
use model::name::{NAME_BYTES_MAX, Name};
use model::record::{self, WINDOW_SECONDS_MAX};
use model::{AccountId, BucketId};
use serde::Serialize;
use serde_json::Value;

use super::fields::is_empty;
use super::input::Input;
use super::output::Output;
use super::{Fields, NoList};
use crate::error::Error;

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 6] = [
    "large_webhooks",
    "static_ip",
    "cron_id",
    "service_connection_inputs",
    "service_connection_outputs",
    "integration_configurations",
];

/// What a request says about a bucket.
#[derive(Debug)]
pub(crate) struct Change {
    name: Option<Name>,
    description: Option<String>,
    stream: Option<bool>,
    ephemeral: Option<bool>,
    window_seconds: Option<u32>,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        refuse_auth(fields)?;
        fields.refuse_unsupported(&UNSUPPORTED)?;
        Ok(Self {
            name: fields.parsed("name", NAME_BYTES_MAX)?,
            description: fields.description()?,
            stream: fields.flag("stream")?,
            ephemeral: fields.flag("ephemeral")?,
            window_seconds: fields.number("window_seconds", 1..=WINDOW_SECONDS_MAX)?,
        })
    }

    /// The name, if one is said.
    pub(crate) fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// Changes a bucket.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `ephemeral` would change: what was promised to events that are
    /// already there (kept on disk, or never on disk) cannot be changed afterwards.
    pub(crate) fn apply(&self, bucket: &mut record::Bucket) -> Result<(), Error> {
        if self.ephemeral.is_some_and(|ephemeral| ephemeral != bucket.ephemeral) {
            return Err(Error::invalid("ephemeral", "cannot be changed once the bucket is made; make a new bucket"));
        }
        if let Some(name) = &self.name {
            bucket.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            bucket.description.clone_from(description);
        }
        bucket.stream = self.stream.unwrap_or(bucket.stream);
        bucket.window_seconds = self.window_seconds.unwrap_or(bucket.window_seconds);
        Ok(())
    }
}

/// Reads what is said about a new bucket.
///
/// # Errors
/// [`Error::Invalid`], also for inputs and outputs: they are made one by one.
pub(crate) fn read_new(
    fields: &Fields,
    account: AccountId,
    id: BucketId,
    now: UnixMs,
) -> Result<record::Bucket, Error> {
    for part in ["inputs", "outputs"] {
        if fields.said(part).is_some_and(|value| !is_empty(value)) {
            return Err(Error::invalid(part, format_args!("are made with POST /v1/buckets/{{id}}/{part}")));
        }
    }
    let change = Change::read(fields)?;
    let name = change.name.clone().ok_or_else(|| Error::invalid("name", "is missing"))?;
    let new = record::Bucket::new(id, account, name, now);
    let mut bucket = record::Bucket { ephemeral: change.ephemeral.unwrap_or_default(), ..new };
    change.apply(&mut bucket)?;
    Ok(bucket)
}

/// Authentication of callers is not built yet; type `none` says so.
fn refuse_auth(fields: &Fields) -> Result<(), Error> {
    let Some(auth) = fields.object("auth")? else { return Ok(()) };
    let says_nothing = |(name, value): (&str, &Value)| is_empty(value) || (name == "type" && value == "none");
    if auth.iter().all(says_nothing) {
        return Ok(());
    }
    Err(Error::Invalid("auth is not supported yet".to_owned()))
}

/// A bucket with its inputs and outputs.
#[derive(Serialize)]
pub(crate) struct Bucket<'a> {
    id: BucketId,
    name: &'a str,
    description: &'a str,
    account_id: AccountId,
    auth: NoAuth,
    inputs: Vec<Input<'a>>,
    outputs: Vec<Output<'a>>,
    service_connection_inputs: NoList,
    service_connection_outputs: NoList,
    integration_configurations: NoList,
    stream: bool,
    ephemeral: bool,
    window_seconds: u32,
    large_webhooks: bool,
    static_ip: bool,
    suspended: bool,
    cron_id: &'static str,
    created_at: u64,
    updated_at: u64,
}

impl<'a> Bucket<'a> {
    /// Shows a bucket.
    pub(crate) fn new(bucket: &'a record::Bucket, inputs: Vec<Input<'a>>, outputs: Vec<Output<'a>>) -> Self {
        Self {
            id: bucket.id,
            name: bucket.name.as_str(),
            description: &bucket.description,
            account_id: bucket.account,
            auth: NoAuth::default(),
            inputs,
            outputs,
            service_connection_inputs: [],
            service_connection_outputs: [],
            integration_configurations: [],
            stream: bucket.stream,
            ephemeral: bucket.ephemeral,
            window_seconds: bucket.window_seconds,
            large_webhooks: false,
            static_ip: false,
            suspended: false,
            cron_id: "",
            created_at: bucket.created_at.seconds(),
            updated_at: bucket.updated_at.seconds(),
        }
    }
}

/// How callers must authenticate: not at all.
#[derive(Serialize)]
struct NoAuth {
    id: &'static str,
    r#type: &'static str,
    username: &'static str,
    password: &'static str,
    token: &'static str,
    created_at: u64,
    updated_at: u64,
}

impl Default for NoAuth {
    fn default() -> Self {
        Self { id: "", r#type: "none", username: "", password: "", token: "", created_at: 0, updated_at: 0 }
    }
}

#[cfg(test)]
mod tests;
