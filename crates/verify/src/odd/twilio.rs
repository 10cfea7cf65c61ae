//! Twilio: HMAC-SHA1 over the URL and the sorted fields of a form, or over a URL that names the
//! hash of the body.

use sha2::{Digest, Sha256};

use super::verdict;
use crate::encoding::Encoding;
use crate::head::Head;
use crate::key::Key;
use crate::mac::{Mac, same};
use crate::row::Algorithm;
use crate::verdict::{Reason, Verdict};

const HEADER: &str = "X-Twilio-Signature";
/// The query parameter with the SHA-256 of a body that is no form.
const BODY_HASH: &str = "bodySHA256";

/// A webhook that is being checked.
pub(crate) struct Check<'a> {
    keys: &'a [Key],
    signature: Vec<u8>,
    url: String,
    is_form: bool,
    body_hash: Option<String>,
}

impl<'a> Check<'a> {
    pub(super) fn begin(keys: &'a [Key], head: &Head<'_>) -> Result<Self, Reason> {
        let signature = Encoding::Base64.decode(head.needed(HEADER)?).ok_or(Reason::Malformed)?;
        let kind = head.once("Content-Type")?.unwrap_or_default().split(';').next().unwrap_or_default();
        let query = head.url.split_once('?').map_or("", |(_, query)| query);
        let mut parameters = form_urlencoded::parse(query.as_bytes());
        let body_hash = parameters.find(|(name, _)| name == BODY_HASH).map(|(_, value)| value.into_owned());
        Ok(Self {
            keys,
            signature,
            url: head.url.to_owned(),
            is_form: kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"),
            body_hash,
        })
    }

    pub(super) fn finish(self, body: &[u8]) -> Verdict {
        let mut message = self.url.into_bytes();
        match &self.body_hash {
            Some(hash) if !same(hash.as_bytes(), Encoding::Hex.encode(&Sha256::digest(body)).as_bytes()) => {
                return Verdict::Failed(Reason::NoMatch);
            }
            Some(_) => {}
            None if self.is_form => message.extend(fields(body)),
            // A body that nothing signs.
            None if !body.is_empty() => return Verdict::Failed(Reason::UnreadableBody),
            None => {}
        }
        let right = |key: &Key| Mac::of(Algorithm::HmacSha1, key.bytes(), &message);
        verdict(self.keys.iter().any(|key| same(&self.signature, &right(key))))
    }
}

/// The fields of a form in order, names and values one after the other; what is there twice counts once.
fn fields(body: &[u8]) -> Vec<u8> {
    let mut fields: Vec<_> = form_urlencoded::parse(body).collect();
    fields.sort();
    fields.dedup();
    fields.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).flatten().copied().collect()
}
