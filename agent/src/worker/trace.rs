//! The span of an attempt as its agent sees it: from the first byte to the destination to the last of
//! its answer.

use model::fact::Outcome;
use telemetry::TraceParent;
use telemetry::trace::{TARGET, failed, under};
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::job::Attempt;

/// While a destination is called, or a command runs; `parent` is the dispatcher's span.
pub(super) fn request(attempt: &Attempt, parent: Option<&TraceParent>) -> Span {
    let Some(parent) = parent else { return Span::none() };
    let span = info_span!(
        target: TARGET,
        parent: None,
        "request",
        otel.kind = "client",
        relay.event_id = %attempt.event,
        relay.output_id = %attempt.output,
        relay.attempt = attempt.number,
        relay.outcome = Empty,
        http.response.status_code = Empty,
    );
    under(span, parent)
}

/// It ended.
pub(super) fn ended(span: &Span, outcome: Outcome) {
    let name = match outcome {
        Outcome::Answered(status) => {
            span.record("http.response.status_code", status);
            "answered"
        }
        Outcome::Refused => "refused",
        Outcome::NotConnected => "not_connected",
        Outcome::TimedOut => "timed_out",
        Outcome::Broken => "broken",
        Outcome::NotAllowed => "not_allowed",
    };
    span.record("relay.outcome", name);
    if !matches!(outcome, Outcome::Answered(200..300)) {
        failed(span);
    }
}
