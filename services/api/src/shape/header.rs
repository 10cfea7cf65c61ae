//! Header maps: one text or a list of texts for each name come in, lists go out.

use http::{HeaderName, HeaderValue};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::Fields;
use crate::error::Error;
use crate::limits::{HEADERS_BYTES_MAX, HEADERS_MAX};

/// Header lines, written as `{"Name": ["value", …]}` in the order of the lines.
pub(super) struct Headers<'a>(pub(super) &'a [(String, String)]);

/// Reads a header map as lines.
///
/// # Errors
/// [`Error::Invalid`] for what is no header (RFC 9110, section 5), for names that the relay sets
/// itself, and for more than [`HEADERS_MAX`] lines or [`HEADERS_BYTES_MAX`] bytes.
pub(super) fn read(fields: &Fields, field: &str) -> Result<Option<Vec<(String, String)>>, Error> {
    let Some(map) = fields.object(field)? else { return Ok(None) };
    let mut lines = Vec::new();
    for (name, value) in map.iter() {
        check_name(name).map_err(|why| fields.invalid(field, why))?;
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let value = checked_value(value).map_err(|why| map.invalid(name, why))?;
            lines.push((name.to_owned(), value.to_owned()));
        }
    }
    if lines.len() > HEADERS_MAX {
        return Err(fields.invalid(field, format_args!("has more than {HEADERS_MAX} lines")));
    }
    if lines.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADERS_BYTES_MAX {
        return Err(fields.invalid(field, format_args!("has more than {HEADERS_BYTES_MAX} bytes")));
    }
    Ok(Some(lines))
}

/// The complaint does not repeat a name that is no name: it may be long, or hold anything.
fn check_name(name: &str) -> Result<(), String> {
    if name.len() > HEADERS_BYTES_MAX || HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("has a name that is not a header name".to_owned());
    }
    if model::header::is_reserved(name) {
        return Err(format!("{name} is set by the relay and cannot be changed"));
    }
    Ok(())
}

fn checked_value(value: &Value) -> Result<&str, &'static str> {
    let Value::String(text) = value else { return Err("must be a text or a list of texts") };
    if HeaderValue::from_bytes(text.as_bytes()).is_err() {
        return Err("has a character that cannot stand in a header");
    }
    Ok(text)
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut grouped: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, value) in self.0 {
            match grouped.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                Some((_, values)) => values.push(value),
                None => grouped.push((name, vec![value])),
            }
        }
        let mut map = serializer.serialize_map(Some(grouped.len()))?;
        for (name, values) in grouped {
            map.serialize_entry(name, &values)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
