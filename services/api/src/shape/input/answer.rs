//! A static answer: that of an input, and the one when no destination answered in time.

use std::ops::RangeInclusive;

use model::record::{self, ANSWER_BYTES_MAX};
use serde::Serialize;

use crate::error::Error;
use crate::shape::Fields;
use crate::shape::header::{self, Headers};

/// The statuses that end a request (RFC 9110, section 15).
const STATUSES: RangeInclusive<u16> = 200..=599;

/// What a request says about an answer.
#[derive(Debug)]
pub(super) struct Change {
    status: Option<u16>,
    headers: Option<Vec<(String, String)>>,
    body: Option<String>,
}

impl Change {
    /// Reads what is said.
    pub(super) fn read(fields: &Fields) -> Result<Self, Error> {
        let status = fields.number("status_code", 0..=*STATUSES.end())?;
        if status.is_some_and(|status| status != 0 && !STATUSES.contains(&status)) {
            let (min, max) = (STATUSES.start(), STATUSES.end());
            return Err(fields.invalid("status_code", format_args!("must be 0 (for 200) or from {min} to {max}")));
        }
        Ok(Self {
            status,
            headers: header::read(fields, "headers")?,
            body: fields.text("body", ANSWER_BYTES_MAX)?.map(str::to_owned),
        })
    }

    /// Changes an answer.
    pub(super) fn apply(&self, answer: &mut record::Answer) {
        if let Some(headers) = &self.headers {
            answer.headers.clone_from(headers);
        }
        if let Some(body) = &self.body {
            answer.body.clone_from(body);
        }
        answer.status = self.status.unwrap_or(answer.status);
    }
}

/// An answer.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    status_code: u16,
    headers: Headers<'a>,
    body: &'a str,
}

impl<'a> Answer<'a> {
    /// Shows an answer.
    pub(super) fn new(answer: &'a record::Answer) -> Self {
        Self { status_code: answer.status, headers: Headers(&answer.headers), body: &answer.body }
    }
}
