//! `relay-server echo`: a destination that answers every request and prints it, to try things with.

use std::fmt::Write as _;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ingress::RawHead;
use serde_json::json;

use crate::listener::{App, Peer};
use crate::out;

/// Largest body that is read: the largest that the relay takes.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Answered with 200 and not printed, so that health checks do not bury what one wants to see.
const HEALTH_PATH: &str = "/livez";

/// Largest body that is printed whole for people.
const SHOWN_BYTES_MAX: usize = 4096;

/// Answers with one status and prints what came.
#[derive(Clone, Debug)]
pub struct Echo {
    /// The status of every answer.
    pub status: StatusCode,
    /// One line of JSON for each request instead of text.
    pub json: bool,
}

/// A request as it is printed.
struct Seen {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl App for Echo {
    async fn call(&self, request: Request<Incoming>, head: Option<RawHead>, _: Peer) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if parts.uri.path() == HEALTH_PATH {
            return status(StatusCode::OK);
        }
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let body = body.to_bytes();
        let seen = match head {
            Some(head) => Seen {
                method: text(&head.method),
                target: text(&head.target),
                headers: head.headers.iter().map(|line| (text(&line.name), text(&line.value))).collect(),
                body,
            },
            None => Seen {
                method: parts.method.to_string(),
                target: parts.uri.to_string(),
                headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
                body,
            },
        };
        let shown = if self.json { seen.as_json() } else { seen.as_text() };
        match out::line(shown) {
            Ok(()) => status(self.status),
            Err(err) => {
                tracing::error!(error = %err, "a request cannot be printed");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

impl Seen {
    fn as_json(&self) -> String {
        json!({
            "method": self.method, "target": self.target, "headers": self.headers, "body": STANDARD.encode(&self.body),
        })
        .to_string()
    }

    /// As a person reads it, with nothing in it that a terminal would obey.
    fn as_text(&self) -> String {
        let mut text = format!("{} {}\n", shown(&self.method), shown(&self.target));
        for (name, value) in &self.headers {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {}: {}", shown(name), shown(value));
        }
        match std::str::from_utf8(&self.body) {
            Ok("") => text.push_str("  (no body)\n"),
            Ok(body) if body.len() <= SHOWN_BYTES_MAX => {
                let _ = writeln!(text, "\n  {}", shown(body));
            }
            Ok(_) | Err(_) => {
                let _ = writeln!(text, "\n  ({} bytes)", self.body.len());
            }
        }
        text
    }
}

/// The text with control characters, but line ends and tabs, escaped.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '\n' | '\t' => vec![c],
            c if c.is_control() => c.escape_default().collect(),
            c => vec![c],
        })
        .collect()
}

#[cfg(test)]
mod tests;
