//! Finding the parameters of conditions in a request.

use std::borrow::Cow;
use std::cell::OnceCell;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::BODY_BYTES_MAX;
use super::node::{Parameter, Source};
use super::payload;
use super::steps::Steps;
use crate::request::Request;

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The steps that a byte takes of what is written or read piece by piece: JSON, a list of signatures.
pub(super) const STEPS_PER_BYTE: usize = 8;

/// A request as conditions see it. The payload is read once, when the first condition asks for it.
pub(super) struct View<'a> {
    request: &'a Request,
    payload: OnceCell<Option<Value>>,
    /// What is left for conditions that take long.
    pub(super) steps: Steps,
}

/// What came of looking for a parameter.
pub(super) enum Looked<'a> {
    Found(Cow<'a, [u8]>),
    Missing,
    /// It would be in a body that is too large, or there are no steps left to find it.
    Unseen,
}

impl<'a> View<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self { request, payload: OnceCell::new(), steps: Steps::new() }
    }

    /// The body, unless it is too large.
    pub(super) fn body(&self) -> Option<&'a [u8]> {
        let is_here = self.request.chunks.is_none() && self.request.body.len() as u64 <= BODY_BYTES_MAX;
        is_here.then_some(&self.request.body[..])
    }

    /// The caller's address.
    pub(super) fn peer(&self) -> &'a str {
        &self.request.peer
    }

    /// Looks for a parameter.
    pub(super) fn look(&self, parameter: &Parameter) -> Looked<'_> {
        let found = match &parameter.source {
            Source::Header(name) => self.request.header(name).map(Cow::Borrowed),
            Source::Query(name) => self.query(name),
            Source::Path => Some(Cow::Borrowed(&self.request.extra_path[..])),
            Source::Ip => Some(Cow::Borrowed(self.request.peer.as_bytes())),
            Source::Body | Source::Payload(_) => {
                let Some(body) = self.body() else { return Looked::Unseen };
                match &parameter.source {
                    Source::Payload(path) => self.payload(body).and_then(|payload| payload::at(payload, path)),
                    _ => Some(Cow::Borrowed(body)),
                }
            }
        };
        // A part of the payload that is no text was written as JSON.
        if let Some(Cow::Owned(written)) = &found
            && self.steps.spend(written.len() * STEPS_PER_BYTE).is_none()
        {
            return Looked::Unseen;
        }
        let found = match found {
            Some(found) if parameter.base64 => BASE64.decode(found.trim_ascii()).ok().map(Cow::Owned),
            found => found,
        };
        found.map_or(Looked::Missing, Looked::Found)
    }

    fn query(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut pairs = form_urlencoded::parse(self.request.query.as_deref()?);
        let (_, value) = pairs.find(|(found, _)| found == name)?;
        Some(match value {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    fn payload(&self, body: &[u8]) -> Option<&Value> {
        self.payload.get_or_init(|| payload::read(body, self.request.header("content-type"))).as_ref()
    }
}
