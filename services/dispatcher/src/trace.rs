//! The spans of a delivery: the time that it waited, each attempt, and what an attempt consists of.
//!
//! They are made of events that say by which span they were appended, and of no others.

use std::time::{Duration, UNIX_EPOCH};

use model::fact::Outcome;
use store::fact::CursorKey;
use telemetry::TraceParent;
use telemetry::trace::{TARGET, called, under, waited};
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::book::Due;
use crate::session::Ended;

/// An attempt, from the moment at which someone is found to make it until its outcome is known. A
/// first one says besides how long its event has waited for it.
pub(crate) fn attempt(key: &CursorKey, due: &Due) -> Span {
    let Some(parent) = &due.pulled.meta.trace else { return Span::none() };
    let span = info_span!(
        target: TARGET,
        parent: None,
        "attempt",
        otel.kind = "consumer",
        relay.event_id = %due.event(),
        relay.bucket_id = %key.bucket,
        relay.output_id = %key.output,
        relay.attempt = due.attempt,
        relay.outcome = Empty,
        relay.duration_ms = Empty,
        http.response.status_code = Empty,
    );
    if !span.is_disabled() && due.attempt == 1 {
        let since = UNIX_EPOCH + Duration::from_millis(due.event().received_at().0);
        let ids = [("relay.event_id", due.event().to_string()), ("relay.output_id", key.output.to_string())];
        waited(parent, "wait", since, &ids);
    }
    under(span, parent)
}

/// While an event is opened.
pub(crate) fn open(attempt: &Span) -> Span {
    part(attempt, || info_span!(target: TARGET, parent: attempt, "open"))
}

/// While a destination is called from here.
pub(crate) fn request(attempt: &Span) -> Span {
    let make = || {
        info_span!(
            target: TARGET,
            parent: attempt,
            "request",
            otel.kind = "client",
            relay.outcome = Empty,
            http.response.status_code = Empty,
        )
    };
    part(attempt, make)
}

/// What the agent is to take for the parent of its spans.
pub(crate) fn for_agent(attempt: &Span, due: &Due) -> String {
    // An agent may export although we do not.
    let parent = TraceParent::of(attempt).or_else(|| due.pulled.meta.trace.clone());
    parent.map(|parent| parent.to_string()).unwrap_or_default()
}

/// An attempt ended. How long it took is what the agent says, whether it exports spans or not.
pub(crate) fn ended(attempt: &Span, ended: &Ended) {
    attempt.record("relay.duration_ms", ended.duration_ms);
    outcome(attempt, ended.outcome);
}

/// How a span ended that stands for a call of a destination.
pub(crate) fn outcome(span: &Span, outcome: Outcome) {
    called(span, outcome.name(), outcome.status());
}

/// An attempt was not made after all, or nobody knows how it ended.
pub(crate) fn given_up(attempt: &Span, why: &'static str) {
    attempt.record("relay.outcome", why);
}

/// A part of an attempt that is traced; without one it would become the root of a trace.
fn part(attempt: &Span, make: impl FnOnce() -> Span) -> Span {
    if attempt.is_none() { Span::none() } else { make() }
}
