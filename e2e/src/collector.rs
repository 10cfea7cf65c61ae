//! A collector of spans: takes OTLP over gRPC, as a real one does, and keeps what it gets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as otlp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::wait::until;

/// A running collector.
pub struct Collector {
    address: SocketAddr,
    kept: Kept,
    serving: JoinHandle<()>,
}

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Span {
    /// Which program made it, as it calls itself.
    pub service: String,
    /// The rest.
    pub span: otlp::Span,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts one on a port that the system chooses.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let kept = Kept::default();
        let service = TraceServiceServer::new(kept.clone());
        let serving = tokio::spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            // It is aborted when the collector is dropped; an error before shows as missing spans.
            let _ = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
        });
        Ok(Self { address, kept, serving })
    }

    /// What a program is told so that its spans come here, under this name, and soon.
    pub fn env(&self, service: &str) -> [(&'static str, String); 3] {
        env(self.address, service)
    }

    /// The spans that have come.
    pub fn spans(&self) -> Vec<Span> {
        self.kept.lock().clone()
    }

    /// Waits until the spans are as `wanted` says.
    ///
    /// # Errors
    /// When they do not become so.
    pub async fn until(&self, what: &str, wanted: impl Fn(&[Span]) -> bool) -> anyhow::Result<Vec<Span>> {
        until(what, async || Ok(Some(self.spans()).filter(|spans| wanted(spans)))).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What a program is told so that its spans go to a collector at this address.
pub fn env(address: SocketAddr, service: &str) -> [(&'static str, String); 3] {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}")),
        ("OTEL_SERVICE_NAME", service.to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
    ]
}

impl Span {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.span.name
    }

    /// An attribute, as text.
    pub fn attribute(&self, name: &str) -> Option<String> {
        text(self.span.attributes.iter().find(|attribute| attribute.key == name)?)
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for from in request.into_inner().resource_spans {
            let attributes = from.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.iter().find(|attribute| attribute.key == "service.name").and_then(text);
            let spans = from.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let spans = spans.map(|span| Span { service: service.clone().unwrap_or_default(), span });
            self.lock().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn text(attribute: &KeyValue) -> Option<String> {
    match attribute.value.as_ref()? {
        AnyValue { value: Some(any_value::Value::StringValue(text)) } => Some(text.clone()),
        AnyValue { value: Some(any_value::Value::IntValue(number)) } => Some(number.to_string()),
        AnyValue { value: Some(any_value::Value::BoolValue(is)) } => Some(is.to_string()),
        AnyValue { .. } => None,
    }
}
