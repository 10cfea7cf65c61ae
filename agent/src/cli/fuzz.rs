//! What the fuzz targets reach of the command line.

use super::file::File;
use super::inspect;
use super::jq::Jq;
use super::moment::Moment;
use super::wait_for::condition::Condition;
use crate::rest::Log;

/// Reads a settings file.
pub(crate) fn settings_file(text: &str) {
    let _ = File::parse(text).map(drop);
}

/// Reads a point in time.
pub(crate) fn moment(text: &str) {
    let _ = Moment::parse(text).map(drop);
}

/// Shows a delivery, and holds conditions against it.
pub(crate) fn log(json: &[u8]) {
    let Ok(log) = serde_json::from_slice::<Log>(json) else { return };
    let page = inspect::page(&log, None, None);
    assert!(!page.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{page:?}");
    for condition in ["header.a=b", "json.a.0=b", "body~^a", "status_code!=200"] {
        let _ = condition.parse::<Condition>().map(|condition| condition.holds(&log));
    }
    if let Ok(condition) = log.id.parse::<Condition>() {
        condition.holds(&log);
    }
}

/// Takes JSON apart with an expression of ours; anything else is an expression, and is compiled.
pub(crate) fn jq(input: &[u8]) {
    if input.starts_with(b"[") || input.starts_with(b"{") {
        let _ = Jq::new(".. | tojson").and_then(|jq| jq.lines(input)).map(drop);
    } else if let Ok(expression) = std::str::from_utf8(input) {
        let _ = Jq::new(expression).map(drop);
    }
}
