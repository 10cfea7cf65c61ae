//! Which header lines reach the destination, and which the relay adds.

use bytes::Bytes;

use crate::id::EventId;
use crate::request::{Header, Request};

/// Names the event to the destination, so that it can drop a duplicate.
pub const EVENT_ID: &str = "Relay-Event-Id";
/// The number of the attempt, from 1.
pub const ATTEMPT: &str = "Relay-Attempt";

/// Lines that belong to one connection (RFC 9110, section 7.6.1) or to the relay, and are never forwarded.
const NOT_FORWARDED: [&str; 13] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
    "relay-event-id",
    "relay-attempt",
];

/// Lines that a caller's `Connection` header cannot take away.
const PROTECTED: [&str; 6] = ["host", "content-length", "content-type", "content-encoding", "authorization", "cookie"];

/// The header lines of the request to the destination, in order.
///
/// The caller's lines come as they were, less those of the connection; `Host` is `authority`;
/// `overrides` replace lines of the same name where the first of them stood, or come after the
/// others; `Content-Length` is right; `X-Forwarded-For`, `-Host` and `-Proto` are appended as
/// further lines, and the event's id and the attempt's number come last.
pub fn forwarded(
    request: &Request,
    authority: &str,
    overrides: &[(String, String)],
    event: EventId,
    attempt: u32,
) -> Vec<Header> {
    let mut lines = vec![line("Host", authority)];
    let named = named_by_connection(request);
    let mut overridden = vec![false; overrides.len()];
    for header in &request.headers {
        if header.is("host") || header.is("content-length") || is_dropped(header, &named) {
            if header.is("content-length") && !is_overridden("content-length", &lines) {
                lines.push(Header { name: header.name.clone(), value: request.body_bytes.to_string().into() });
            }
            continue;
        }
        match overrides.iter().position(|(name, _)| header.is(name)) {
            Some(at) if !overridden[at] => {
                replace(overrides, header, &mut lines, &mut overridden);
            }
            Some(_) => {}
            None => lines.push(header.clone()),
        }
    }
    if request.has_body && !is_overridden("content-length", &lines) {
        lines.push(line("Content-Length", &request.body_bytes.to_string()));
    }
    for ((name, value), done) in overrides.iter().zip(&overridden) {
        if !done && !is_reserved(name) {
            lines.push(line(name, value));
        }
    }
    append_relay_lines(request, event, attempt, &mut lines);
    lines
}

/// Whether an output may not override this header: the relay sets it itself.
pub fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "host" || name == "content-length" || NOT_FORWARDED.contains(&name.as_str())
}

fn replace(overrides: &[(String, String)], header: &Header, lines: &mut Vec<Header>, overridden: &mut [bool]) {
    for (at, (name, value)) in overrides.iter().enumerate() {
        if header.is(name) {
            overridden[at] = true;
            if !is_reserved(name) {
                lines.push(line(name, value));
            }
        }
    }
}

fn append_relay_lines(request: &Request, event: EventId, attempt: u32, lines: &mut Vec<Header>) {
    lines.push(line("X-Forwarded-For", &request.peer));
    if let Some(host) = request.header("host") {
        lines.push(Header { name: Bytes::from_static(b"X-Forwarded-Host"), value: Bytes::copy_from_slice(host) });
    }
    lines.push(line("X-Forwarded-Proto", if request.tls { "https" } else { "http" }));
    lines.push(line(EVENT_ID, &event.to_string()));
    lines.push(line(ATTEMPT, &attempt.to_string()));
}

fn named_by_connection(request: &Request) -> Vec<String> {
    let lines = request.headers.iter().filter(|h| h.is("connection"));
    lines
        .flat_map(|h| h.value.split(|b| *b == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && !PROTECTED.contains(&name.as_str()))
        .collect()
}

fn is_dropped(header: &Header, named: &[String]) -> bool {
    NOT_FORWARDED.iter().any(|name| header.is(name)) || named.iter().any(|name| header.is(name))
}

fn is_overridden(name: &str, lines: &[Header]) -> bool {
    lines.iter().any(|h| h.is(name))
}

fn line(name: &str, value: &str) -> Header {
    Header { name: Bytes::copy_from_slice(name.as_bytes()), value: Bytes::copy_from_slice(value.as_bytes()) }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
