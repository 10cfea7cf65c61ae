//! The order of deliveries: `"arrival"`, `"strict"`, or `{"key": {"header": "Name"}}` and
//! `{"key": {"pointer": "/a/b"}}`.

use http::HeaderName;
use model::record::{Order, OrderKey};
use serde_json::Value;

use crate::error::Error;
use crate::limits::LABEL_BYTES_MAX;
use crate::shape::Fields;

const WORDS: [(&str, bool); 2] = [("arrival", false), ("strict", true)];

/// Reads an order.
///
/// # Errors
/// [`Error::Invalid`].
pub(super) fn read(fields: &Fields) -> Result<Option<Order>, Error> {
    if !matches!(fields.said("order"), Some(Value::Object(_))) {
        let strict = fields.choice("order", &WORDS)?;
        return Ok(strict.map(|strict| if strict { Order::Strict } else { Order::Arrival }));
    }
    let order = fields.object("order")?.unwrap_or_default();
    let key = order.object("key")?.ok_or_else(|| order.invalid("key", "is missing"))?;
    let header: Option<HeaderName> = key.parsed("header", LABEL_BYTES_MAX)?;
    let pointer = key.text("pointer", LABEL_BYTES_MAX)?;
    match (header, pointer) {
        (Some(header), None) => Ok(Some(Order::Key(OrderKey::Header(header.to_string())))),
        (None, Some(pointer)) if pointer.is_empty() || is_pointer(pointer) => {
            Ok(Some(Order::Key(OrderKey::Pointer(pointer.to_owned()))))
        }
        (None, Some(_)) => Err(key.invalid("pointer", "must be a JSON pointer, such as /data/id")),
        (Some(_), Some(_)) | (None, None) => Err(order.invalid("key", "must have one of header and pointer")),
    }
}

/// Whether it is one (RFC 6901, section 3).
fn is_pointer(text: &str) -> bool {
    text.starts_with('/') && text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}
