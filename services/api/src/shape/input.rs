//! Inputs as JSON.

mod answer;
mod deduplicate;
mod place;
mod signature;
mod wait;

use model::record;
use model::{BucketId, InputId, UnixMs};
use serde::Serialize;

use super::Fields;
use super::header::Headers;
use crate::error::Error;

/// The name of the input that is made with every bucket.
pub(crate) const DEFAULT_NAME: &str = "Default public endpoint";

/// Fields that are not built yet.
const UNSUPPORTED: [&str; 1] = ["function_id"];
/// The one thing that `tls_version` may ask for, in the ways that clients say it: the relay speaks
/// TLS 1.2 and later.
const TLS_VERSIONS: [(&str, ()); 4] = [("1.2", ()), ("tls1.2", ()), ("TLS1.2", ()), ("TLSv1.2", ())];
/// What a request says about an input.
#[derive(Debug)]
pub(crate) struct Change {
    name: Option<String>,
    description: Option<String>,
    answer: answer::Change,
    wait: wait::Change,
    place: place::Change,
    signature: signature::Change,
    deduplicate: deduplicate::Change,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        fields.refuse_unsupported(&UNSUPPORTED)?;
        fields.choice("tls_version", &TLS_VERSIONS)?;
        if fields.flag("legacy_tls")? == Some(true) {
            return Err(fields.invalid("legacy_tls", "TLS 1.0 and 1.1 are not spoken here"));
        }
        Ok(Self {
            name: fields.label()?,
            description: fields.description()?,
            answer: answer::Change::read(fields)?,
            wait: wait::Change::read(fields)?,
            place: place::Change::read(fields)?,
            signature: signature::Change::read(fields)?,
            deduplicate: deduplicate::Change::read(fields)?,
        })
    }

    /// The name, if one is said.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Changes an input.
    ///
    /// # Errors
    /// [`Error::Invalid`] when what is said does not go together with what is there.
    pub(crate) fn apply(&self, input: &mut record::Input) -> Result<(), Error> {
        if let Some(name) = &self.name {
            input.name.clone_from(name);
        }
        if let Some(description) = &self.description {
            input.description.clone_from(description);
        }
        self.answer.apply(&mut input.answer);
        self.wait.apply(&mut input.wait)?;
        self.place.apply(input)?;
        self.signature.apply(&mut input.signature)?;
        self.deduplicate.apply(input)
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
    change.apply(&mut input)?;
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
    response_from_output: String,
    response_timeout: u32,
    response_fallback: Option<answer::Answer<'a>>,
    custom_domain: &'a str,
    path_prefix: &'a str,
    strip_path_prefix: bool,
    tls_version: &'static str,
    legacy_tls: bool,
    signature: Option<signature::Signature<'a>>,
    deduplicate: deduplicate::Deduplicate<'a>,
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
            url: place::url(input, public_url),
            function_id: "",
            headers: Headers(&input.answer.headers),
            status_code: input.answer.status,
            body: &input.answer.body,
            response_from_output: wait::shown(input.wait.as_ref()),
            response_timeout: input.wait.as_ref().map_or(0, |wait| wait.seconds),
            response_fallback: input.wait.as_ref().and_then(|wait| wait.fallback.as_ref()).map(answer::Answer::new),
            custom_domain: &input.custom_domain,
            path_prefix: &input.path_prefix,
            strip_path_prefix: input.strip_path_prefix,
            tls_version: "",
            legacy_tls: false,
            signature: input.signature.as_ref().map(signature::Signature::new),
            deduplicate: deduplicate::Deduplicate(input.deduplicate.as_ref()),
            created_by: "",
            created_at: input.created_at.seconds(),
            updated_at: input.updated_at.seconds(),
        }
    }
}

#[cfg(test)]
mod tests;
