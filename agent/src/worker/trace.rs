//! The span of an attempt as its agent sees it: from the first byte to the destination to the last of
//! its answer.

use model::fact::Outcome;
use telemetry::TraceParent;
use telemetry::trace::{TARGET, called, under};
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
    called(span, outcome.name(), outcome.status());
}
