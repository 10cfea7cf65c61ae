//! Inputs as JSON.

use model::record::{self, ANSWER_BYTES_MAX};
use model::{BucketId, InputId, UnixMs};
use serde::Serialize;

use super::Fields;
use super::header::{self, Headers};
use crate::error::Error;

/// The name of the input that is made with every bucket.
pub(crate) const DEFAULT_NAME: &str = "Default public endpoint";

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 7] = [
    "function_id",
    "response_from_output",
    "custom_domain",
    "path_prefix",
    "strip_path_prefix",
    "tls_version",
    "legacy_tls",
];
/// The statuses that end a request (RFC 9110, section 15).
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// What a request says about an input.
#[derive(Debug, Default)]
pub(crate) struct Change {
    name: Option<String>,
    description: Option<String>,
    status: Option<u16>,
    headers: Option<Vec<(String, String)>>,
    body: Option<String>,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        fields.refuse_unsupported(&UNSUPPORTED)?;
        let status = fields.number("status_code", 0..=*STATUSES.end())?;
        if status.is_some_and(|status| status != 0 && !STATUSES.contains(&status)) {
            let (min, max) = (STATUSES.start(), STATUSES.end());
            return Err(Error::invalid("status_code", format_args!("must be 0 (for 200) or from {min} to {max}")));
        }
        Ok(Self {
            name: fields.label()?,
            description: fields.description()?,
            status,
            headers: header::read(fields, "headers")?,
            body: fields.text("body", ANSWER_BYTES_MAX)?.map(str::to_owned),
        })
    }

    /// The name, if one is said.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Changes an input.
    pub(crate) fn apply(&self, input: &mut record::Input) {
        if let Some(name) = &self.name {
            input.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            input.description.clone_from(description);
        }
        if let Some(headers) = &self.headers {
            input.answer.headers.clone_from(headers);
        }
        if let Some(body) = &self.body {
            input.answer.body.clone_from(body);
        }
        input.answer.status = self.status.unwrap_or(input.answer.status);
    }
}

/// An input of that name with the plain answer.
pub(crate) fn plain(name: &str, bucket: &record::Bucket, id: InputId, now: UnixMs) -> record::Input {
    record::Input::new(id, bucket.account, bucket.id, name.to_owned(), now)
}

/// Reads what is said about a new input.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn read_new(
    fields: &Fields,
    bucket: &record::Bucket,
    id: InputId,
    now: UnixMs,
) -> Result<record::Input, Error> {
    let change = Change::read(fields)?;
    let name = change.name().ok_or_else(|| Error::invalid("name", "is missing"))?;
    let mut input = plain(name, bucket, id, now);
    change.apply(&mut input);
    Ok(input)
}

/// An input.
#[derive(Serialize)]
pub(crate) struct Input<'a> {
    id: InputId,
    name: &'a str,
    bucket_id: BucketId,
    description: &'a str,
    /// Where callers send webhooks: ours, clients of the compatible API make it from the id.
    url: String,
    function_id: &'static str,
    headers: Headers<'a>,
    status_code: u16,
    body: &'a str,
    response_from_output: &'static str,
    custom_domain: &'static str,
    path_prefix: &'static str,
    strip_path_prefix: bool,
    tls_version: &'static str,
    legacy_tls: bool,
    created_by: &'static str,
    created_at: u64,
    updated_at: u64,
}

impl<'a> Input<'a> {
    /// Shows an input; `public_url` is the address that callers know, without a slash at its end.
    pub(crate) fn new(input: &'a record::Input, public_url: &str) -> Self {
        Self {
            id: input.id,
            name: &input.name,
            bucket_id: input.bucket,
            description: &input.description,
            url: format!("{public_url}/v1/webhooks/{}", input.id),
            function_id: "",
            headers: Headers(&input.answer.headers),
            status_code: input.answer.status,
            body: &input.answer.body,
            response_from_output: "",
            custom_domain: "",
            path_prefix: "",
            strip_path_prefix: false,
            tls_version: "",
            legacy_tls: false,
            created_by: "",
            created_at: input.created_at.seconds(),
            updated_at: input.updated_at.seconds(),
        }
    }
}

#[cfg(test)]
mod tests;
