//! Adyen's standard notifications: each item in the body has its own signature over some of its fields.

use serde_json::Value;

use super::verdict;
use crate::encoding::Encoding;
use crate::json;
use crate::key::Key;
use crate::mac::{Mac, same};
use crate::row::Algorithm;
use crate::verdict::{Reason, Verdict};

/// The signed fields, in order.
const SIGNED: [&str; 8] = [
    "/pspReference",
    "/originalReference",
    "/merchantAccountCode",
    "/merchantReference",
    "/amount/value",
    "/amount/currency",
    "/eventCode",
    "/success",
];
const SIGNATURE: &str = "/additionalData/hmacSignature";

/// A webhook that is being checked.
pub(crate) struct Check<'a> {
    pub(super) keys: &'a [Key],
}

impl Check<'_> {
    pub(super) fn finish(self, body: &[u8]) -> Verdict {
        let body = json::read(body);
        let items = body.as_ref().and_then(|body| body.get("notificationItems")).and_then(Value::as_array);
        let Some(items) = items.filter(|items| !items.is_empty()) else {
            return Verdict::Failed(Reason::UnreadableBody);
        };
        for item in items {
            let Some(item) = item.get("NotificationRequestItem") else {
                return Verdict::Failed(Reason::UnreadableBody);
            };
            let signed = self.is_signed(item);
            if signed != Verdict::Verified {
                return signed;
            }
        }
        Verdict::Verified
    }

    fn is_signed(&self, item: &Value) -> Verdict {
        let Some(signature) = json::text(item, SIGNATURE) else {
            return Verdict::Failed(Reason::UnreadableBody);
        };
        let Some(signature) = Encoding::Base64.decode(&signature) else {
            return Verdict::Failed(Reason::Malformed);
        };
        let message = SIGNED.map(|pointer| json::text(item, pointer).unwrap_or_default()).join(":");
        let right = |key: &Key| Mac::of(Algorithm::HmacSha256, key.bytes(), message.as_bytes());
        verdict(self.keys.iter().any(|key| same(&signature, &right(key))))
    }
}
