//! A delivery as a curl command.

use std::fmt::Write as _;

use base64::Engine as _;
use model::destination::Destination;

use crate::cli::failure::Failure;
use crate::rest::{Log, Output, values};

/// What curl writes itself, or what belongs to the caller's connection and not to the message.
const LEFT_OUT: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The command for a POSIX shell that sends the request to the output's destination.
///
/// # Errors
/// When the output is gone, or no request could go there.
pub(super) fn command(log: &Log, output: Option<&Output>) -> Result<String, Failure> {
    let gone = || anyhow::anyhow!("the output of this delivery is gone, so there is no URL to call");
    let output = output.ok_or_else(gone)?;
    let lock_path = output.rest.get("lock_path").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let refuse = |err: &dyn std::fmt::Display| anyhow::anyhow!("{}: {err}", output.destination);
    let destination = Destination::parse(&output.destination).map_err(|err| refuse(&err))?;
    let query = (!log.raw_query.is_empty()).then_some(log.raw_query.as_bytes());
    let target = destination.target(log.extra_path.as_bytes(), query, lock_path).map_err(|err| refuse(&err))?;
    let scheme = if destination.tls { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", destination.authority, String::from_utf8_lossy(&target));
    let mut command = format!("curl -X {} {}", quoted(&log.method), quoted(&url));
    for (name, value) in log.headers.iter().flatten() {
        if LEFT_OUT.iter().any(|left_out| name.eq_ignore_ascii_case(left_out)) {
            continue;
        }
        for value in values(value) {
            // Without a value curl wants a semicolon.
            let line = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            // Writing to a text cannot fail.
            let _ = write!(command, " \\\n  -H {}", quoted(&line));
        }
    }
    if log.body.is_empty() {
        return Ok(command);
    }
    // What could steer a terminal, or begins with what curl reads as a file, goes in base64.
    let is_plain = !log.body.starts_with('@') && !log.body.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if is_plain {
        let _ = write!(command, " \\\n  --data-binary {}", quoted(&log.body));
        return Ok(command);
    }
    let body = base64::engine::general_purpose::STANDARD.encode(&log.body);
    Ok(format!("printf %s {body} | base64 -d | {command} \\\n  --data-binary @-"))
}

/// A word of a POSIX shell. Control characters other than line ends and tabs have no business in one.
fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || "\n\t".contains(*c)).collect();
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(log: serde_json::Value, expected: &str) {
        let output: Output =
            serde_json::from_value(json!({"id": "o", "destination": "http://localhost:3000/base"})).unwrap();
        let log: Log = serde_json::from_value(log).unwrap();
        assert_eq!(command(&log, Some(&output)).unwrap(), expected);
    }

    #[test]
    fn the_command_repeats_the_request() {
        check(
            json!({"id": "l", "method": "POST", "extra_path": "/it's", "raw_query": "a=$b",
                "headers": {"Host": ["x"], "Content-Length": ["1"], "X-A": ["1", "it's"], "X-Empty": [""]}, "body": "{\"a\": 'b'}"}),
            "curl -X 'POST' 'http://localhost:3000/base/it'\\''s?a=$b' \\\n  -H 'X-A: 1' \\\n  -H 'X-A: it'\\''s' \\\n  -H 'X-Empty;' \\\n  --data-binary '{\"a\": '\\''b'\\''}'",
        );
        check(json!({"id": "l", "method": "GET"}), "curl -X 'GET' 'http://localhost:3000/base'");
        check(
            json!({"id": "l", "method": "PUT", "body": "@\u{1b}"}),
            "printf %s QBs= | base64 -d | curl -X 'PUT' 'http://localhost:3000/base' \\\n  --data-binary @-",
        );
    }

    #[test]
    fn without_an_output_there_is_nothing_to_call() {
        let log: Log = serde_json::from_value(json!({"id": "l"})).unwrap();
        assert!(command(&log, None).is_err());
    }
}
