//! `relay inspect`: one delivery, whole.

mod curl;

use std::fmt::Write as _;

use base64::Engine as _;
use serde_json::{Map, Value};

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::global::Global;
use super::logs::{code, whole};
use super::moment::shown;
use super::out::{Out, lines, plain};
use crate::rest::{Attempt, Bucket, Log, Output, values};

/// How much of a body is shown to people, in bytes; `--json` has all of it.
const SHOWN_BYTES_MAX: usize = 16 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The id of the delivery, as `relay logs` shows it
    log: String,
    /// Print a curl command that makes the same request again
    #[arg(long)]
    curl: bool,
}

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    let log = whole(&rest, &args.log).await?;
    if out.is_json() && !args.curl {
        return Ok(out.json(&log)?);
    }
    let buckets = all(&rest).await?;
    let bucket = buckets.iter().find(|bucket| bucket.id == log.bucket_id);
    let output = bucket.and_then(|bucket| bucket.outputs.iter().find(|output| output.id == log.output_id));
    if args.curl {
        return Ok(out.line(curl::command(&log, output)?)?);
    }
    Ok(out.line(page(&log, bucket, output).trim_end())?)
}

/// The delivery for people.
pub(super) fn page(log: &Log, bucket: Option<&Bucket>, output: Option<&Output>) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a text cannot fail.
            let _ = writeln!(page, "{name:10} {}", plain(&value));
        }
    };
    line("Delivery:", log.id.clone());
    line("Status:", format!("{} ({})", log.status, code(log)));
    line("Reason:", log.rest.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned());
    line("Received:", shown(&log.created_at));
    line("Bucket:", bucket.map_or_else(|| log.bucket_id.clone(), |bucket| bucket.name.clone()));
    line("Output:", output.map_or_else(|| log.output_id.clone(), |to| format!("{} ({})", to.name, to.destination)));
    let attempts = log.retries + 1;
    let s = if attempts == 1 { "" } else { "s" };
    line("Took:", format!("{} ms, {attempts} attempt{s}", log.duration_ms));
    page.push_str("\nRequest\n");
    let _ = writeln!(page, "  {} {}", plain(&log.method), plain(&log.target()));
    message(&mut page, log.headers.as_ref(), log.body.as_bytes());
    if log.status_code != 0 {
        let _ = write!(page, "\nAnswer\n  {}\n", log.status_code);
        let body = base64::engine::general_purpose::STANDARD.decode(&log.response_body).unwrap_or_default();
        message(&mut page, log.response_headers.as_ref(), &body);
    }
    if !log.attempts.is_empty() {
        page.push_str("\nAttempts\n");
        for attempt in &log.attempts {
            let _ = writeln!(page, "  {}", time_line(attempt));
        }
    }
    page
}

fn message(page: &mut String, headers: Option<&Map<String, Value>>, body: &[u8]) {
    for (name, value) in headers.into_iter().flatten() {
        for value in values(value) {
            let _ = writeln!(page, "  {}: {}", plain(name), plain(value));
        }
    }
    if body.is_empty() {
        return;
    }
    let cut = &body[..body.len().min(SHOWN_BYTES_MAX)];
    let text = lines(&String::from_utf8_lossy(cut));
    page.push('\n');
    for text in text.lines() {
        let _ = writeln!(page, "  {text}");
    }
    if cut.len() < body.len() {
        let _ = writeln!(page, "  … {} more bytes; --json shows all", body.len() - cut.len());
    }
}

fn time_line(attempt: &Attempt) -> String {
    let Attempt { number, at, status_code, duration_ms, outcome, rest } = attempt;
    let mut line = format!("{number:>2}  {}  {}", shown(at), plain(&outcome.replace('_', " ")));
    if *status_code != 0 {
        let _ = write!(line, " {status_code}");
    }
    let _ = write!(line, "  {duration_ms} ms");
    if let Some(group) = rest.get("group").and_then(Value::as_str) {
        let _ = write!(line, "  by {}", plain(group));
    }
    if let Some(reason) = rest.get("reason").or_else(|| rest.get("error")).and_then(Value::as_str) {
        let _ = write!(line, "  {}", plain(reason));
    }
    if let Some(next) = rest.get("next_at").map(shown).filter(|next| !next.is_empty()) {
        let _ = write!(line, "  next {next}");
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delivery_is_shown_whole_and_harmless() {
        let log: Log = serde_json::from_value(json!({
            "id": "l-1", "bucket_id": "b-1", "output_id": "o-1", "status": "failed", "status_code": 503,
            "method": "POST", "extra_path": "/a", "raw_query": "x=1", "headers": {"A": ["1", "2"], "B": "\u{1b}[31m"},
            "body": "line 1\nline 2\u{7}", "response_body": "bm8=", "response_headers": {"C": ["3"]}, "retries": 1,
            "duration_ms": 12, "created_at": 1_769_860_800,
            "attempts": [{"number": 1, "at": 0, "outcome": "timed_out", "duration_ms": 30_000, "group": "night"},
                {"number": 2, "at": 0, "outcome": "answered", "status_code": 503, "duration_ms": 12, "reason": "busy"}],
        }))
        .unwrap();
        let page = page(&log, None, None);
        for part in [
            "Status:    failed (503)\n",
            "Took:      12 ms, 2 attempts\n",
            "Request\n  POST /a?x=1\n  A: 1\n  A: 2\n  B:  [31m\n\n  line 1\n  line 2 \n",
            "Answer\n  503\n  C: 3\n\n  no\n",
            "   1    timed out  30000 ms  by night\n",
            "   2    answered 503  12 ms  busy\n",
        ] {
            assert!(page.contains(part), "{part:?} in\n{page}");
        }
        assert!(!page.contains('\x1b'));
    }

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        let mut page = String::new();
        message(&mut page, None, &vec![b'x'; SHOWN_BYTES_MAX]);
        assert!(!page.contains("more bytes"));
        message(&mut page, None, &vec![b'x'; SHOWN_BYTES_MAX + 3]);
        assert!(page.ends_with("  … 3 more bytes; --json shows all\n"));
    }
}
