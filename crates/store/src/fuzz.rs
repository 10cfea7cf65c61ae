//! Fuzz targets: what is read here of others' bytes.

use std::str::FromStr as _;

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;

use crate::event::Meta;
use crate::feed::Source;
use crate::keyring::KeyName;
use crate::{cursor, directory, presence};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] =
    &[("meta", meta), ("directory_key", directory_key), ("presence_page", page), ("stored_names", stored_names)];

/// `Name: value` in lines, as the headers of an event.
fn meta(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut headers = HeaderMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_str(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    let _ = Meta::read(&headers);
    let _ = model::answer::Answer::decode(input);
}

fn directory_key(input: &[u8]) {
    let Some(key) = std::str::from_utf8(input).ok().and_then(directory::Key::parse) else { return };
    let text = key.to_string();
    assert_eq!(directory::Key::parse(&text), Some(key), "{text}");
}

fn page(input: &[u8]) {
    let _ = serde_json::from_slice::<presence::Page>(input);
}

/// Names of other things in NATS: data keys, places in streams.
fn stored_names(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(name) = text.parse::<KeyName>() {
        assert_eq!(name.to_string().parse(), Ok(name), "{text}");
    }
    if let Ok(source) = text.parse::<Source>() {
        assert_eq!(source.to_string().parse().ok(), Some(source), "{text}");
    }
    cursor::fuzz::receipt(text);
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
