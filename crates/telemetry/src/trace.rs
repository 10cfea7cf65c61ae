//! Traces: one webhook on its way through every process, as spans that go to a collector.
//!
//! A span is one of `tracing` whose target is [`TARGET`]: it goes to the collector and into no log
//! line. Where traces are off, making one costs a look at a flag. What leads from one process to the
//! next is a [`TraceParent`].
//!
//! Everything is set with the variables of the OpenTelemetry specification; nothing is exported
//! unless one of them names a collector. Attributes are ids, sizes and codes, and never anything that
//! a caller, an owner or a destination wrote.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanContext, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{SpanExporter, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use crate::env::var;

/// The target of spans that belong to traces.
pub const TARGET: &str = "relay::trace";

/// Names the code that makes the spans, to the collector.
const SCOPE: &str = "relay";
/// The header of W3C Trace Context.
const TRACEPARENT: &str = "traceparent";
/// How long the last spans may take to the collector when a process ends.
const FINISH_MAX: Duration = Duration::from_secs(3);

/// Where the spans of a process go.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Nowhere.
    pub fn off() -> Self {
        Self(None)
    }

    /// Where `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says, over gRPC;
    /// nowhere when neither is set, or `OTEL_SDK_DISABLED` is `true`, or `OTEL_TRACES_EXPORTER` is
    /// `none`. The process is called `service` unless `OTEL_SERVICE_NAME` names it. Spans wait in a
    /// queue of bounded length (`OTEL_BSP_MAX_QUEUE_SIZE`); when it is full, further ones are dropped.
    ///
    /// Must be called within the runtime.
    ///
    /// # Errors
    /// When a variable has a value that cannot be used. That the collector cannot be reached is none.
    pub fn from_env(service: &'static str) -> anyhow::Result<Self> {
        let is = |name, value: &str| var(name).is_some_and(|set| set.eq_ignore_ascii_case(value));
        let endpoint = first(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
        if endpoint.is_none() || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(Self::off());
        }
        match first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]).as_deref() {
            None | Some("grpc") => {}
            Some(other) => bail!("OTEL_EXPORTER_OTLP_PROTOCOL is {other:?}, and must be \"grpc\""),
        }
        let exporter = SpanExporter::builder().with_tonic().with_tls_config(tls()?).build();
        let exporter = exporter.context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        let mut resource = Resource::builder();
        if var("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(service);
        }
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        global::set_tracer_provider(provider.clone());
        Ok(Self(Some(provider)))
    }

    /// What brings spans of [`TARGET`] here.
    pub(crate) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.0.as_ref()?.tracer(SCOPE);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false);
        Some(layer.with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO)))
    }

    /// Brings the last spans to the collector, and waits for it no longer than a few seconds.
    pub async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let finish = move || provider.shutdown_with_timeout(FINISH_MAX);
        let Ok(finished) = tokio::task::spawn_blocking(finish).await else { return };
        if let Err(error) = finished {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

fn first(names: [&str; 2]) -> Option<String> {
    names.into_iter().find_map(var)
}

fn tls() -> anyhow::Result<ClientTlsConfig> {
    let config = ClientTlsConfig::new().with_enabled_roots();
    match first(["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"]) {
        None => Ok(config),
        Some(path) => {
            let pem = fs::read(&path).with_context(|| format!("OTEL_EXPORTER_OTLP_CERTIFICATE: read {path}"))?;
            Ok(config.ca_certificate(Certificate::from_pem(pem)))
        }
    }
}

/// Names a span to another process, as `traceparent` of W3C Trace Context: ids and a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(SpanContext);

/// A text that is no `traceparent`.
#[derive(Debug, thiserror::Error)]
#[error("not a traceparent")]
pub struct NotATraceParent;

impl TraceParent {
    /// Names this span; `None` when it goes to no collector.
    pub fn of(span: &Span) -> Option<Self> {
        if span.is_disabled() {
            return None;
        }
        let context = span.context().span().span_context().clone();
        (context.is_valid() && context.is_sampled()).then_some(Self(context))
    }

    fn context(&self) -> Context {
        Context::new().with_remote_span_context(self.0.clone())
    }
}

impl FromStr for TraceParent {
    type Err = NotATraceParent;

    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), text.to_owned())]);
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        let context = context.span().span_context().clone();
        if context.is_valid() { Ok(Self(context)) } else { Err(NotATraceParent) }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&self.context(), &mut carrier);
        f.write_str(carrier.get(TRACEPARENT).map_or("", String::as_str))
    }
}

/// Makes a span that was just made a child of one of another process.
#[must_use]
pub fn under(span: Span, parent: &TraceParent) -> Span {
    if !span.is_disabled() {
        // It has only just been made: nothing has begun it yet.
        let _ = span.set_parent(parent.context());
    }
    span
}

/// Says that a span has to do with one of a trace that is not ours.
pub fn link(span: &Span, to: &TraceParent) {
    if !span.is_disabled() {
        span.add_link(to.0.clone());
    }
}

/// Says that a span failed.
pub fn failed(span: &Span) {
    if !span.is_disabled() {
        span.set_status(opentelemetry::trace::Status::error(""));
    }
}

/// Says how a call of a destination ended: what its outcome is called, and the status of the answer if
/// there is one. Everything but a 2xx is a failure. The span has the fields `relay.outcome` and
/// `http.response.status_code`.
pub fn called(span: &Span, outcome: &'static str, status: Option<u16>) {
    span.record("relay.outcome", outcome);
    if let Some(status) = status {
        span.record("http.response.status_code", status);
    }
    if !matches!(status, Some(200..300)) {
        failed(span);
    }
}

/// A span that ends now and began in the past, when nobody knew yet who would make it.
pub fn waited(parent: &TraceParent, name: &'static str, since: SystemTime, ids: &[(&'static str, String)]) {
    if !tracing::span_enabled!(target: TARGET, tracing::Level::INFO) {
        return;
    }
    let tracer = global::tracer(SCOPE);
    let ids = ids.iter().map(|(name, id)| KeyValue::new(*name, id.clone()));
    let builder = tracer.span_builder(name).with_start_time(since).with_attributes(ids);
    tracer.build_with_context(builder, &parent.context()).end();
}

#[cfg(test)]
mod tests;
