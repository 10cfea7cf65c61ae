//! The spans of a webhook: the root of its trace, and what takes time on its way into the log.

use http::StatusCode;
use model::EventId;
use model::request::Request;
use store::event::Target;
use telemetry::TraceParent;
use telemetry::trace::{TARGET, failed, link};
use tracing::field::Empty;
use tracing::{Span, info_span};

const TRACEPARENT: &str = "traceparent";

/// The root of a webhook's trace. What its sender says of a trace of its own is linked to and goes
/// to the destination with all other headers, and decides nothing here.
pub(crate) fn root(event: EventId, target: Target, webhook: &Request) -> Span {
    let span = info_span!(
        target: TARGET,
        parent: None,
        "webhook",
        otel.kind = "server",
        relay.event_id = %event,
        relay.bucket_id = Empty,
        http.request.body.size = Empty,
        http.response.status_code = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    if let Target::Bucket { bucket, .. } = target {
        span.record("relay.bucket_id", tracing::field::display(bucket));
    }
    if let Some(stranger) = of_sender(webhook) {
        link(&span, &stranger);
    }
    span
}

/// While the body comes.
pub(crate) fn body(root: &Span) -> Span {
    info_span!(target: TARGET, parent: root, "receive body")
}

/// While the event is sealed, published, and not acknowledged yet. It is the parent of all that
/// becomes of the event.
pub(crate) fn publish(root: &Span) -> Span {
    info_span!(target: TARGET, parent: root, "publish", otel.kind = "producer")
}

/// The webhook was answered.
pub(crate) fn answered(root: &Span, body_bytes: u64, status: StatusCode) {
    root.record("http.request.body.size", body_bytes);
    root.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        failed(root);
    }
}

/// The sender's own span, if it names exactly one.
pub(crate) fn of_sender(webhook: &Request) -> Option<TraceParent> {
    let mut lines = webhook.headers.iter().filter(|line| line.is(TRACEPARENT));
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    std::str::from_utf8(&line.value).ok()?.parse().ok()
}
