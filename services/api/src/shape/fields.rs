//! A JSON object, read field by field, so that every complaint names its field.

use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::limits::{DESCRIPTION_BYTES_MAX, LABEL_BYTES_MAX};

/// Longer than any word of a [`Fields::choice`].
const WORD_BYTES_MAX: usize = 64;

/// A JSON object. Its readers return `None` for a field that is missing or `null`: it was not said.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// What comes before the field's name in complaints: the fields that lead here.
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// Reads a request body, whatever its content type.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no JSON object (RFC 8259), or nested deeper than 128.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::Invalid("the body is empty; a JSON object is expected".to_owned()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self { path: String::new(), map }),
            Ok(_) => Err(Error::Invalid("the body must be a JSON object".to_owned())),
            Err(error) => Err(Error::Invalid(format!("the body is not valid JSON: {error}"))),
        }
    }

    /// A text of at most `bytes_max` bytes.
    pub(crate) fn text(&self, field: &str, bytes_max: usize) -> Result<Option<&str>, Error> {
        match self.said(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= bytes_max => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.invalid(field, format_args!("has more than {bytes_max} bytes"))),
            Some(_) => Err(self.invalid(field, "must be a text")),
        }
    }

    /// A text that stands for a value; the empty text is not said.
    pub(crate) fn parsed<T>(&self, field: &str, bytes_max: usize) -> Result<Option<T>, Error>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(field, bytes_max)?.filter(|text| !text.is_empty());
        text.map(|text| text.parse().map_err(|error| self.invalid(field, error))).transpose()
    }

    /// A description: free text, and empty means empty.
    pub(crate) fn description(&self) -> Result<Option<String>, Error> {
        Ok(self.text("description", DESCRIPTION_BYTES_MAX)?.map(str::to_owned))
    }

    /// The name of an input or output: printable text, which may be a URL; empty is not said.
    pub(crate) fn label(&self) -> Result<Option<String>, Error> {
        let label = self.text("name", LABEL_BYTES_MAX)?.filter(|label| !label.is_empty());
        label.map(|label| checked_label(label).map_err(|why| self.invalid("name", why))).transpose()
    }

    /// A yes or no.
    pub(crate) fn flag(&self, field: &str) -> Result<Option<bool>, Error> {
        match self.said(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.invalid(field, "must be true or false")),
        }
    }

    /// A whole number within the range.
    pub(crate) fn number<T>(&self, field: &str, range: RangeInclusive<T>) -> Result<Option<T>, Error>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let Some(value) = self.said(field) else { return Ok(None) };
        match value.as_i64().and_then(|number| T::try_from(number).ok()).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (min, max) = (range.start(), range.end());
                Err(self.invalid(field, format_args!("must be a whole number from {min} to {max}")))
            }
        }
    }

    /// One of a few words; the empty text is not said.
    pub(crate) fn choice<T: Copy>(&self, field: &str, choices: &[(&str, T)]) -> Result<Option<T>, Error> {
        let Some(text) = self.text(field, WORD_BYTES_MAX)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                Err(self.invalid(field, format_args!("must be one of {}", words.join(", "))))
            }
        }
    }

    /// A list of whole numbers from 0 to `max`.
    pub(crate) fn numbers(&self, field: &str, count_max: usize, max: u64) -> Result<Option<Vec<u64>>, Error> {
        let Some(value) = self.said(field) else { return Ok(None) };
        let Value::Array(items) = value else { return Err(self.invalid(field, "must be a list of numbers")) };
        if items.len() > count_max {
            return Err(self.invalid(field, format_args!("has more than {count_max} entries")));
        }
        let number = |item: &Value| {
            let number = item.as_u64().filter(|number| *number <= max);
            number.ok_or_else(|| self.invalid(field, format_args!("must be whole numbers from 0 to {max}")))
        };
        items.iter().map(number).collect::<Result<_, _>>().map(Some)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, field: &str, count_max: usize, bytes_max: usize) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.said(field) else { return Ok(None) };
        let Value::Array(items) = value else { return Err(self.invalid(field, "must be a list of texts")) };
        if items.len() > count_max {
            return Err(self.invalid(field, format_args!("has more than {count_max} entries")));
        }
        let text = |item: &Value| match item {
            Value::String(text) if text.len() <= bytes_max => Ok(text.clone()),
            Value::String(_) => Err(self.invalid(field, format_args!("has an entry of more than {bytes_max} bytes"))),
            _ => Err(self.invalid(field, "must be a list of texts")),
        };
        items.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// An object inside this one.
    pub(crate) fn object(&self, field: &str) -> Result<Option<Self>, Error> {
        match self.said(field) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self { path: format!("{}{field}.", self.path), map: map.clone() })),
            Some(_) => Err(self.invalid(field, "must be an object")),
        }
    }

    /// The fields of this object, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The field as it was sent, unless it is missing or `null`.
    pub(crate) fn said(&self, field: &str) -> Option<&Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// Whether the field was sent as `null`: it empties those fields of ours that can be empty.
    pub(crate) fn is_null(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(Value::is_null)
    }

    /// Refuses fields that are not built yet, unless they are empty.
    pub(crate) fn refuse_unsupported(&self, fields: &[&str]) -> Result<(), Error> {
        match fields.iter().find(|field| self.said(field).is_some_and(|value| !is_empty(value))) {
            None => Ok(()),
            Some(field) => Err(Error::Invalid(format!("{}{field} is not supported yet", self.path))),
        }
    }

    /// A complaint about a field.
    pub(crate) fn invalid(&self, field: &str, why: impl std::fmt::Display) -> Error {
        Error::invalid(format_args!("{}{field}", self.path), why)
    }
}

/// Whether a value says no more than leaving the field out: `null`, `false`, 0, an empty text, and
/// lists and objects of nothing else.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_empty),
        Value::Object(map) => map.values().all(is_empty),
    }
}

/// Takes a text as the name of an input or output.
fn checked_label(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("a name has no control characters");
    }
    if text.trim() != text {
        return Err("a name does not begin or end with a space");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
