//! Buckets as JSON.

use model::name::{NAME_BYTES_MAX, Name};
use model::record::{self, WINDOW_SECONDS_MAX};
use model::{AccountId, BucketId, CronId};
use model::{UnixMs, canary};
use serde::Serialize;

use super::auth::Auth;
use super::fields::is_empty;
use super::input::Input;
use super::integration::Integration;
use super::output::Output;
use super::{Fields, NoList};
use crate::error::Error;

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 3] = ["static_ip", "service_connection_inputs", "service_connection_outputs"];

/// What a request says about a bucket, but for the authentication of its callers: see [`super::auth`].
#[derive(Debug)]
pub(crate) struct Change {
    name: Option<Name>,
    description: Option<String>,
    stream: Option<bool>,
    ephemeral: Option<bool>,
    window_seconds: Option<u32>,
    large_webhooks: Option<bool>,
    retention_seconds: Option<u32>,
    canary_seconds: Option<u32>,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        fields.refuse_unsupported(&UNSUPPORTED)?;
        Ok(Self {
            name: fields.parsed("name", NAME_BYTES_MAX)?,
            description: fields.description()?,
            stream: fields.flag("stream")?,
            ephemeral: fields.flag("ephemeral")?,
            window_seconds: fields.number("window_seconds", 1..=WINDOW_SECONDS_MAX)?,
            large_webhooks: fields.flag("large_webhooks")?,
            retention_seconds: fields.number("retention_seconds", 0..=WINDOW_SECONDS_MAX)?,
            canary_seconds: canary_seconds(fields)?,
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
        bucket.large_webhooks = self.large_webhooks.unwrap_or(bucket.large_webhooks);
        bucket.retention_seconds = self.retention_seconds.unwrap_or(bucket.retention_seconds);
        bucket.canary_seconds = self.canary_seconds.unwrap_or(bucket.canary_seconds);
        Ok(())
    }
}

/// How often a canary is wanted: 0 for never.
fn canary_seconds(fields: &Fields) -> Result<Option<u32>, Error> {
    let seconds = fields.number("canary_seconds", 0..=canary::SECONDS_MAX)?;
    if seconds.is_some_and(|seconds| (1..canary::SECONDS_MIN).contains(&seconds)) {
        let least = canary::SECONDS_MIN;
        return Err(fields.invalid("canary_seconds", format_args!("must be 0 for never, or at least {least}")));
    }
    Ok(seconds)
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

/// What is shown with a bucket.
#[derive(Default)]
pub(crate) struct Related<'a> {
    /// Its inputs.
    pub(crate) inputs: Vec<Input<'a>>,
    /// Its outputs.
    pub(crate) outputs: Vec<Output<'a>>,
    /// The integrations that are attached to it.
    pub(crate) integrations: Vec<Integration<'a>>,
    /// The cron that it was made with.
    pub(crate) cron: Option<CronId>,
}

/// A bucket with its inputs and outputs.
#[derive(Serialize)]
pub(crate) struct Bucket<'a> {
    id: BucketId,
    name: &'a str,
    description: &'a str,
    account_id: AccountId,
    auth: Auth<'a>,
    inputs: Vec<Input<'a>>,
    outputs: Vec<Output<'a>>,
    service_connection_inputs: NoList,
    service_connection_outputs: NoList,
    integration_configurations: Vec<Integration<'a>>,
    stream: bool,
    ephemeral: bool,
    window_seconds: u32,
    retention_seconds: u32,
    canary_seconds: u32,
    large_webhooks: bool,
    static_ip: bool,
    suspended: bool,
    cron_id: String,
    created_at: u64,
    updated_at: u64,
}

impl<'a> Bucket<'a> {
    /// Shows a bucket.
    pub(crate) fn new(bucket: &'a record::Bucket, related: Related<'a>) -> Self {
        Self {
            id: bucket.id,
            name: bucket.name.as_str(),
            description: &bucket.description,
            account_id: bucket.account,
            auth: Auth::new(&bucket.auth),
            inputs: related.inputs,
            outputs: related.outputs,
            service_connection_inputs: [],
            service_connection_outputs: [],
            integration_configurations: related.integrations,
            stream: bucket.stream,
            ephemeral: bucket.ephemeral,
            window_seconds: bucket.window_seconds,
            retention_seconds: bucket.retention_seconds,
            canary_seconds: bucket.canary_seconds,
            large_webhooks: bucket.large_webhooks,
            static_ip: false,
            suspended: false,
            cron_id: related.cron.map(|id| id.to_string()).unwrap_or_default(),
            created_at: bucket.created_at.seconds(),
            updated_at: bucket.updated_at.seconds(),
        }
    }
}

#[cfg(test)]
mod tests;
