//! What of a webhook is known before its body.

use model::UnixMs;
use model::request::Request;

use crate::verdict::Reason;

/// A webhook before its body is read, as a scheme sees it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its method, target and header lines; the body in it is not looked at.
    pub request: &'a Request,
    /// The URL that the provider called, with its query.
    pub url: &'a str,
    /// When it came.
    pub now: UnixMs,
}

impl<'a> Head<'a> {
    /// The value of a header that may be there once.
    pub(crate) fn once(&self, name: &str) -> Result<Option<&'a str>, Reason> {
        let mut lines = self.request.headers.iter().filter(|line| line.is(name));
        let Some(line) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(Reason::RepeatedHeader);
        }
        std::str::from_utf8(&line.value).map(|value| Some(value.trim())).map_err(|_| Reason::Malformed)
    }

    /// The value of a header that must be there once.
    pub(crate) fn needed(&self, name: &str) -> Result<&'a str, Reason> {
        self.once(name)?.ok_or(Reason::MissingHeader)
    }
}
