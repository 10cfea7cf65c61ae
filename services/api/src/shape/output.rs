//! Outputs as JSON.

use model::destination::Destination;
use model::record::{self, TIMEOUT_SECONDS_MAX};
use model::{BucketId, OutputId, UnixMs};
use serde::Serialize;

use super::header::{self, Headers};
use super::{Fields, NoList, NoObject};
use crate::error::Error;
use crate::limits::{DESTINATION_BYTES_MAX, LABEL_BYTES_MAX, RETRIES_MAX};

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 7] =
    ["cron_id", "function_id", "response_function_id", "rules", "durability", "throttle", "replay_missing"];
/// The value of `retries` that asks for none; 0 leaves it to the window.
const NO_RETRIES: i32 = -1;

/// What a request says about an output.
#[derive(Debug)]
pub(crate) struct Change {
    name: Option<String>,
    description: Option<String>,
    destination: Option<String>,
    internal: Option<bool>,
    disabled: Option<bool>,
    lock_path: Option<bool>,
    timeout_seconds: Option<u32>,
    retries: Option<i32>,
    tls_verification: Option<bool>,
    headers: Option<Vec<(String, String)>>,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        fields.refuse_unsupported(&UNSUPPORTED)?;
        Ok(Self {
            name: fields.label()?,
            description: fields.description()?,
            destination: read_destination(fields)?,
            internal: fields.flag("internal")?,
            disabled: fields.flag("disabled")?,
            lock_path: fields.flag("lock_path")?,
            timeout_seconds: fields.number("timeout", 0..=TIMEOUT_SECONDS_MAX)?,
            retries: fields.number("retries", NO_RETRIES..=RETRIES_MAX)?,
            tls_verification: fields.flag("tls_verification")?,
            headers: header::read(fields, "headers")?,
        })
    }

    /// The name, if one is said.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Changes an output.
    pub(crate) fn apply(&self, output: &mut record::Output) {
        if let Some(name) = &self.name {
            output.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            output.description.clone_from(description);
        }
        if let Some(destination) = &self.destination {
            output.destination.clone_from(destination);
        }
        if let Some(headers) = &self.headers {
            output.headers.clone_from(headers);
        }
        output.internal = self.internal.unwrap_or(output.internal);
        output.disabled = self.disabled.unwrap_or(output.disabled);
        output.lock_path = self.lock_path.unwrap_or(output.lock_path);
        output.timeout_seconds = self.timeout_seconds.unwrap_or(output.timeout_seconds);
        output.retries = self.retries.unwrap_or(output.retries);
        output.tls_verification = self.tls_verification.unwrap_or(output.tls_verification);
    }
}

/// Reads what is said about a new output. One without a name is named after its destination.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn read_new(
    fields: &Fields,
    bucket: &record::Bucket,
    id: OutputId,
    now: UnixMs,
) -> Result<record::Output, Error> {
    let change = Change::read(fields)?;
    let destination = change.destination.clone().ok_or_else(|| Error::invalid("destination", "is missing"))?;
    let name = match change.name() {
        Some(name) => name.to_owned(),
        None if destination.len() <= LABEL_BYTES_MAX => destination.clone(),
        None => return Err(Error::invalid("name", "is missing, and the destination is too long to be one")),
    };
    let mut output = record::Output::new(id, bucket.account, bucket.id, name, destination, now);
    change.apply(&mut output);
    Ok(output)
}

/// The empty text is not said.
fn read_destination(fields: &Fields) -> Result<Option<String>, Error> {
    let Some(url) = fields.text("destination", DESTINATION_BYTES_MAX)?.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    match Destination::parse(url) {
        Ok(_) => Ok(Some(url.to_owned())),
        Err(error) => Err(fields.invalid("destination", error)),
    }
}

/// An output.
#[derive(Serialize)]
pub(crate) struct Output<'a> {
    id: OutputId,
    name: &'a str,
    bucket_id: BucketId,
    cron_id: &'static str,
    function_id: &'static str,
    response_function_id: &'static str,
    headers: Headers<'a>,
    destination: &'a str,
    disabled: bool,
    lock_path: bool,
    internal: bool,
    timeout: u32,
    retries: i32,
    tls_verification: bool,
    rules: NoObject,
    description: &'a str,
    created_by: &'static str,
    durability: NoDurability,
    throttle: NoThrottle,
    created_at: u64,
    updated_at: u64,
}

impl<'a> Output<'a> {
    /// Shows an output.
    pub(crate) fn new(output: &'a record::Output) -> Self {
        Self {
            id: output.id,
            name: &output.name,
            bucket_id: output.bucket,
            cron_id: "",
            function_id: "",
            response_function_id: "",
            headers: Headers(&output.headers),
            destination: &output.destination,
            disabled: output.disabled,
            lock_path: output.lock_path,
            internal: output.internal,
            timeout: output.timeout_seconds,
            retries: output.retries,
            tls_verification: output.tls_verification,
            rules: NoObject::default(),
            description: &output.description,
            created_by: "",
            durability: NoDurability::default(),
            throttle: NoThrottle::default(),
            created_at: output.created_at.seconds(),
            updated_at: output.updated_at.seconds(),
        }
    }
}

/// Durable retries: off. Times are nanoseconds.
#[derive(Default, Serialize)]
struct NoDurability {
    enabled: bool,
    schedule: &'static str,
    custom_delays: NoList,
    deadline: u64,
    handoff_after: u64,
}

/// Throttling: off. The deadline is in nanoseconds.
#[derive(Default, Serialize)]
struct NoThrottle {
    enabled: bool,
    mode: &'static str,
    rate: u64,
    interval: &'static str,
    max_concurrent: u64,
    max_queue_depth: u64,
    deadline: u64,
}

#[cfg(test)]
mod tests;
