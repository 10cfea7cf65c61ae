//! The body as a tree, and parts of it by dotted path.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Reads a body that is JSON with an object or a list, or a form
/// (`application/x-www-form-urlencoded`); anything else has no parts. JSON is told by its first
/// character, because `curl -d` calls everything a form.
pub(super) fn read(body: &[u8], content_type: Option<&[u8]>) -> Option<Value> {
    let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let json = is_json.then(|| serde_json::from_slice(body).ok()).flatten();
    json.or_else(|| is_form(content_type?).then(|| form(body)))
}

fn is_form(content_type: &[u8]) -> bool {
    let kind = content_type.split(|b| *b == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// The fields of a form; of fields with one name the first counts.
fn form(body: &[u8]) -> Value {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        fields.entry(name).or_insert_with(|| Value::String(value.into_owned()));
    }
    Value::Object(fields)
}

/// The part at a dotted path, as text: a text is itself, anything else is its JSON. A field whose
/// name has dots in it is found before the parts of one that is called like its beginning, and a
/// body that is a list may also be called `root`, as in adnanh/webhook.
pub(super) fn at<'a>(payload: &'a Value, path: &str) -> Option<Cow<'a, [u8]>> {
    let part = match payload {
        Value::Array(_) => part(payload, path.strip_prefix("root.").unwrap_or(path)),
        _ => part(payload, path),
    };
    Some(match part? {
        Value::String(text) => Cow::Borrowed(text.as_bytes()),
        other => Cow::Owned(other.to_string().into_bytes()),
    })
}

fn part<'a>(mut value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut rest = Some(path);
    while let Some(path) = rest {
        let (first, more) = path.split_once('.').map_or((path, None), |(first, more)| (first, Some(more)));
        (value, rest) = match value {
            Value::Object(fields) => match fields.get(path) {
                Some(whole) => (whole, None),
                None => (fields.get(first)?, more),
            },
            Value::Array(items) => (items.get(first.parse::<usize>().ok()?)?, more),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(value)
}
