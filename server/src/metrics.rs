//! What the process counts, served to Prometheus at an address of its own: it tells how busy others are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use ingress::RawHead;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use store::Store;
use store::counts::{Cause, Counts};
use store::unreadable::What;

use crate::listener::{App, Peer};
use crate::readiness::Readiness;

/// What the name of every metric begins with.
const PREFIX: &str = "relay";
/// The content type of the text format (OpenMetrics 1.0, section 4.1).
const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper bounds of the classes of durations, in seconds: from a write to a fast disk to the longest
/// wait for a destination.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Serves the metrics. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Registry>);

/// An empty registry, with what is known of every process.
pub fn registry(readiness: Readiness) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Health(readiness)));
    registry
}

/// Adds what the store counts of what it cannot read.
pub fn register_store(registry: &mut Registry, store: &Store) {
    registry.register_collector(Box::new(Unread(store.clone())));
    registry.register_collector(Box::new(Stored(store.counts().clone())));
}

impl Metrics {
    /// Serves what is registered.
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(registry))
    }
}

impl App for Metrics {
    async fn call(&self, request: Request<Incoming>, _: Option<RawHead>, _: Peer) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        if request.method() != Method::GET || request.uri().path() != "/metrics" {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let mut text = String::new();
        match text::encode(&mut text, &self.0) {
            Ok(()) => *response.body_mut() = text.into(),
            Err(fmt::Error) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        response
    }
}

/// What is counted of requests. Clones count together.
#[derive(Clone)]
pub struct Requests {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<ForLabels, Histogram, fn() -> Histogram>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are the values of the label")]
pub enum For {
    /// Takes a webhook.
    webhook,
    /// The agents' protocol, over gRPC or a WebSocket; it lasts until the head of the answer.
    agent,
    /// The public WebSocket protocol; likewise.
    socket,
    /// The REST API.
    api,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    r#for: For,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForLabels {
    r#for: For,
}

impl Requests {
    /// Registers what is counted.
    pub fn new(registry: &mut Registry) -> Self {
        let this =
            Self { requests: Family::default(), seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)) };
        registry.register("http_requests", "Requests that were answered", this.requests.clone());
        let help = "From the head of a request to the head of its answer";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, this.seconds.clone());
        this
    }

    /// A request was answered.
    pub fn note(&self, purpose: For, status: StatusCode, took: Duration) {
        self.requests.get_or_create(&RequestLabels { r#for: purpose, code: status.as_u16() }).inc();
        self.seconds.get_or_create(&ForLabels { r#for: purpose }).observe(took.as_secs_f64());
    }
}

/// What is stored and cannot be read.
struct Unread(Store);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnreadLabels {
    what: &'static str,
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unread")
    }
}

impl Collector for Unread {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "What was read in the log and is damaged, or has lost its key";
        let mut counts = encoder.encode_descriptor("unreadable", help, None, MetricType::Counter)?;
        for what in What::ALL {
            let labels = UnreadLabels { what: what.name() };
            ConstCounter::new(self.0.unreadable().count(what)).encode(counts.encode_family(&labels)?)?;
        }
        let help = "Data keys, and records of the directory, that this process cannot open";
        let mut now = encoder.encode_descriptor("unopened", help, None, MetricType::Gauge)?;
        for (what, count) in [("key", self.0.keyring().trouble().count()), ("record", self.0.directory().unopened())] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(now.encode_family(&UnreadLabels { what })?)?;
        }
        Ok(())
    }
}

/// What the store counts.
#[derive(Debug)]
struct Stored(Counts);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

impl Collector for Stored {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Tries to write to NATS that were not acknowledged, by cause; most succeed at the next";
        let mut unacknowledged = encoder.encode_descriptor("unacknowledged", help, None, MetricType::Counter)?;
        for cause in Cause::ALL {
            let labels = CauseLabels { cause: cause.name() };
            let family = unacknowledged.encode_family(&labels)?;
            ConstCounter::new(self.0.unacknowledged(cause)).encode(family)?;
        }
        let mut counter = |name, help, count: u64| {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(count).encode(metric)
        };
        counter("nats_reconnects", "Connections to NATS that were made again", self.0.reconnects())?;
        let help = "Connections to NATS that were given up because no acknowledgement came";
        counter("nats_reconnects_forced", help, self.0.reconnects_forced())?;
        counter("redelivered", "Events that JetStream gave out again", self.0.redelivered())?;
        let help =
            "Cursors of which another dispatcher had events in hand when it vanished, which were given out again";
        counter("takeovers", help, self.0.takeovers())
    }
}

/// What `/readyz` says, as numbers.
struct Health(Readiness);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    check: &'static str,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Health")
    }
}

impl Collector for Health {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let report = self.0.report();
        let ready = encoder.encode_descriptor("ready", "1 when every check is passed", None, MetricType::Gauge)?;
        ConstGauge::new(i64::from(report.ready)).encode(ready)?;
        let mut checks = encoder.encode_descriptor("check", "1 when it is passed", None, MetricType::Gauge)?;
        for check in &report.checks {
            let labels = CheckLabels { check: check.name };
            let gauge = checks.encode_family(&labels)?;
            ConstGauge::new(i64::from(check.ok)).encode(gauge)?;
        }
        Ok(())
    }
}
