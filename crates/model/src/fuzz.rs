//! Fuzz targets: what is read here of outsiders' bytes.

use serde_json::Value;
use uuid::Uuid;

use crate::destination::Destination;
use crate::id::EventId;
use crate::name::Name;
use crate::order;
use crate::record::{Bucket, Cron, Domain, Input, OrderKey, Output, Token};
use crate::request::{Header, Request};
use crate::rules::Rules;
use crate::time::UnixMs;
use crate::{fact, header, retry};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("facts", facts),
    ("request", request),
    ("rules", rules),
    ("destination", destination),
    ("headers", headers),
    ("records", records),
    ("texts", texts),
];

fn facts(input: &[u8]) {
    if let Ok(facts) = fact::decode(input) {
        assert_eq!(fact::decode(&fact::encode(&facts)).ok(), Some(facts));
    }
}

fn request(input: &[u8]) {
    if let Ok(request) = <Request as prost::Message>::decode(input) {
        header::forwarded(&request, "host", &[], EventId(Uuid::nil()), 1);
        order::key(&OrderKey::Pointer("/a/0".into()), &request);
    }
}

/// Rules up to the first NUL, the body of a request behind it.
fn rules(input: &[u8]) {
    let (rules, body) = split(input);
    let Ok(given) = serde_json::from_slice::<Value>(rules) else { return };
    if let Ok(rules) = Rules::parse(&given) {
        let body = body.to_vec().into();
        rules.evaluate(&Request { body, headers: lines(input), ..Request::default() });
    }
}

/// A URL up to the first NUL, an extra path behind it.
fn destination(input: &[u8]) {
    let (url, path) = split(input);
    let Some(destination) = std::str::from_utf8(url).ok().and_then(|url| Destination::parse(url).ok()) else { return };
    if let Ok(target) = destination.target(path, Some(path), false) {
        assert!(target.starts_with(b"/"));
    }
    assert!(destination.target(path, Some(path), true).is_ok());
}

fn headers(input: &[u8]) {
    let request = Request { headers: lines(input), has_body: true, ..Request::default() };
    let sent = header::forwarded(&request, "host", &[], EventId(Uuid::nil()), 1);
    assert_eq!(sent.iter().filter(|header| header.is("host")).count(), 1);
    retry::retry_after(&request.headers, UnixMs(1_700_000_000_000));
}

fn records(input: &[u8]) {
    let _ = serde_json::from_slice::<Bucket>(input);
    let _ = serde_json::from_slice::<Input>(input);
    let _ = serde_json::from_slice::<Output>(input);
    let _ = serde_json::from_slice::<Token>(input);
    let _ = serde_json::from_slice::<Domain>(input);
    let _ = serde_json::from_slice::<Cron>(input);
}

fn texts(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string().parse::<Name>().ok(), Some(name));
    }
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string().parse::<EventId>().ok(), Some(id));
    }
}

fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let at = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    (&input[..at], input.get(at + 1..).unwrap_or_default())
}

/// `Name: value` in lines.
fn lines(input: &[u8]) -> Vec<Header> {
    let line = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(at + 1..).unwrap_or_default();
        Header { name: line[..at].to_vec().into(), value: value.trim_ascii().to_vec().into() }
    };
    input.split(|byte| *byte == b'\n').map(line).collect()
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
