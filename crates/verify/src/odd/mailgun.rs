//! Mailgun: the signature lies in the body, over a time and a token, and not over the body itself.

use super::verdict;
use crate::encoding::Encoding;
use crate::json;
use crate::key::Key;
use crate::mac::{Mac, same};
use crate::row::{Algorithm, Clock, Unit};
use crate::verdict::{Reason, Verdict};

/// A webhook that is being checked.
pub(crate) struct Check<'a> {
    pub(super) keys: &'a [Key],
    pub(super) clock: Clock,
}

struct Fields {
    time: String,
    token: String,
    signature: String,
}

impl Check<'_> {
    pub(super) fn finish(self, body: &[u8]) -> Verdict {
        let Some(fields) = Fields::read(body) else {
            return Verdict::Failed(Reason::UnreadableBody);
        };
        if let Err(reason) = self.clock.judge(&fields.time, Unit::Seconds) {
            return Verdict::Failed(reason);
        }
        let Some(signature) = Encoding::Hex.decode(&fields.signature) else {
            return Verdict::Failed(Reason::Malformed);
        };
        let message = [fields.time.as_bytes(), fields.token.as_bytes()].concat();
        let right = |key: &Key| Mac::of(Algorithm::HmacSha256, key.bytes(), &message);
        verdict(self.keys.iter().any(|key| same(&signature, &right(key))))
    }
}

impl Fields {
    /// From the object `signature` of a JSON body, or from a form, as routes send it.
    fn read(body: &[u8]) -> Option<Self> {
        let json = json::read(body);
        let field = |name: &str| match &json {
            Some(body) => json::text(body, &format!("/signature/{name}")),
            None => form_urlencoded::parse(body).find(|(found, _)| found == name).map(|(_, value)| value.into_owned()),
        };
        Some(Self { time: field("timestamp")?, token: field("token")?, signature: field("signature")? })
    }
}
