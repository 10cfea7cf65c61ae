//! Outputs as JSON.

use model::destination::Destination;
use model::record::{self, SigningSecret, TIMEOUT_SECONDS_MAX};
use model::rules::Rules;
use model::{BucketId, CronId, OutputId, UnixMs};
use serde::Serialize;
use serde_json::{Value, json};
use verify::sign::Signer;

use super::header::{self, Headers};
use super::{Fields, policy};
use crate::error::Error;
use crate::limits::{DESTINATION_BYTES_MAX, LABEL_BYTES_MAX, RETRIES_MAX, SIGNING_BYTES_MAX};

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 3] = ["function_id", "response_function_id", "replay_missing"];
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
    rules: Option<Rules>,
    /// Said as the empty text, it is taken away.
    resign_secret: Option<Option<SigningSecret>>,
    policy: policy::Change,
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
            rules: fields.said("rules").map(read_rules).transpose()?,
            resign_secret: read_secret(fields)?,
            policy: policy::Change::read(fields)?,
        })
    }

    /// The name, if one is said.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Changes an output.
    ///
    /// # Errors
    /// [`Error::Invalid`] when what is said does not go together with what is there.
    pub(crate) fn apply(&self, output: &mut record::Output) -> Result<(), Error> {
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
        if let Some(rules) = &self.rules {
            output.rules = kept(rules);
        }
        if let Some(secret) = &self.resign_secret {
            output.resign_secret.clone_from(secret);
        }
        self.policy.apply(output)
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
    change.apply(&mut output)?;
    Ok(output)
}

/// Reads rules; an object without fields is none.
///
/// # Errors
/// [`Error::Invalid`] with the place of what is wrong.
pub(crate) fn read_rules(given: &Value) -> Result<Rules, Error> {
    Rules::parse(given).map_err(|error| Error::Invalid(error.to_string()))
}

/// What is kept of rules: nothing of those that let everything pass.
pub(crate) fn kept(rules: &Rules) -> Option<Rules> {
    (!rules.is_empty()).then(|| rules.clone())
}

/// The empty text is not said.
pub(super) fn read_destination(fields: &Fields) -> Result<Option<String>, Error> {
    let Some(url) = fields.text("destination", DESTINATION_BYTES_MAX)?.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    match Destination::parse(url) {
        Ok(_) => Ok(Some(url.to_owned())),
        Err(error) => Err(fields.invalid("destination", error)),
    }
}

fn read_secret(fields: &Fields) -> Result<Option<Option<SigningSecret>>, Error> {
    let Some(secret) = fields.text("resign_secret", SIGNING_BYTES_MAX)? else { return Ok(None) };
    if secret.is_empty() {
        return Ok(Some(None));
    }
    // Only to see that one can sign with it.
    Signer::new(secret, "", UnixMs(0)).map_err(|error| fields.invalid("resign_secret", error))?;
    Ok(Some(Some(SigningSecret(secret.to_owned()))))
}

/// An output.
#[derive(Serialize)]
pub(crate) struct Output<'a> {
    id: OutputId,
    name: &'a str,
    bucket_id: BucketId,
    cron_id: String,
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
    rules: Value,
    description: &'a str,
    created_by: &'static str,
    durability: policy::Durability<'a>,
    throttle: policy::Throttle,
    order: &'a record::Order,
    circuit: &'a record::Circuit,
    /// Ours: whether there is a `resign_secret`, which is not shown.
    can_resign: bool,
    paused: Option<policy::Paused>,
    created_at: u64,
    updated_at: u64,
}

impl<'a> Output<'a> {
    /// Shows an output; `cron` is the one that its bucket was made with.
    pub(crate) fn new(output: &'a record::Output, cron: Option<CronId>) -> Self {
        Self {
            id: output.id,
            name: &output.name,
            bucket_id: output.bucket,
            cron_id: cron.map(|id| id.to_string()).unwrap_or_default(),
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
            rules: output.rules.as_ref().map_or_else(|| json!({}), |rules| rules.given().clone()),
            description: &output.description,
            created_by: "",
            durability: policy::Durability::new(&output.durability),
            throttle: policy::Throttle::new(&output.throttle),
            order: &output.order,
            circuit: &output.circuit,
            can_resign: output.resign_secret.is_some(),
            paused: output.paused.map(policy::Paused::new),
            created_at: output.created_at.seconds(),
            updated_at: output.updated_at.seconds(),
        }
    }
}

#[cfg(test)]
mod tests;
