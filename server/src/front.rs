//! Gives each request to the role that it is for.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::body::Body;
use dispatcher::{Dispatcher, Sessions};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use ingress::{Ingress, PATH_PREFIX, RawHead};
use proto::v1::agent_server::AgentServer;
use proto::web_socket;
use tower::{Service, ServiceExt};

use crate::listener::{App, Peer};
use crate::metrics::{For, Requests};
use crate::readiness::Readiness;

/// What every path of the agents' protocol begins with.
const AGENT_PREFIX: &str = "/relay.agent.v1.";

/// Where the public socket is.
const SOCKET_PATH: &str = "/v1/socket";

/// The roles of this process, as far as they answer HTTP; one that runs elsewhere is none.
#[derive(Clone, Default)]
pub struct Services {
    /// Takes webhooks.
    pub ingress: Option<Ingress>,
    /// Serves agents over gRPC.
    pub agents: Option<AgentServer<Sessions>>,
    /// Serves agents over WebSockets, and clients of the public socket.
    pub sockets: Option<Dispatcher>,
    /// The REST API.
    pub api: Option<axum::Router>,
}

impl Services {
    /// Serves agents with this dispatcher.
    pub fn set_dispatcher(&mut self, dispatcher: &Dispatcher) {
        self.agents = Some(dispatcher.service());
        self.sockets = Some(dispatcher.clone());
    }
}

/// The way in. Clones share it.
#[derive(Clone)]
pub struct Front {
    readiness: Readiness,
    requests: Requests,
    /// Known once the store was opened; until then callers are told to come again.
    services: Arc<OnceLock<Services>>,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Live,
    Ready,
    Webhook,
    Agent,
    AgentSocket,
    Socket,
    Api,
}

impl Purpose {
    fn of(method: &Method, path: &str, headers: &HeaderMap) -> Self {
        // Webhooks first: whatever a sender puts into a header, the path decides.
        if path.starts_with(PATH_PREFIX) {
            return Self::Webhook;
        }
        let asks = method == Method::GET || method == Method::HEAD;
        match path {
            "/livez" if asks => Self::Live,
            "/readyz" if asks => Self::Ready,
            SOCKET_PATH => Self::Socket,
            web_socket::PATH => Self::AgentSocket,
            _ if path.starts_with(AGENT_PREFIX) || is_grpc(headers) => Self::Agent,
            _ => Self::Api,
        }
    }
}

/// Whether the content is gRPC: `application/grpc`, `application/grpc+proto`.
fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

impl Front {
    /// A way in whose roles are not there yet.
    pub fn new(readiness: Readiness, requests: Requests) -> Self {
        Self { readiness, requests, services: Arc::default() }
    }

    /// From now on requests are served. Said once; later ones change nothing.
    pub fn open(&self, services: Services) {
        let _ = self.services.set(services);
    }

    /// Whether it is for the domain of an account: everything there is a webhook.
    fn is_for_a_domain(&self, request: &Request<Incoming>) -> bool {
        let ingress = self.services.get().and_then(|services| services.ingress.as_ref());
        ingress.is_some_and(|ingress| ingress.answers_to(request.uri(), request.headers()))
    }

    async fn serve(
        &self,
        purpose: Purpose,
        mut request: Request<Incoming>,
        head: Option<RawHead>,
        peer: Peer,
    ) -> Response<Body> {
        let Some(services) = self.services.get() else {
            return starting();
        };
        request.extensions_mut().insert(dispatcher::Peer(peer.address.ip().to_canonical()));
        match purpose {
            Purpose::Webhook => match &services.ingress {
                Some(ingress) => {
                    let handled = ingress.handle(request, head, peer.address, peer.is_tls);
                    Box::pin(handled).await.map(Body::new)
                }
                None => elsewhere(),
            },
            Purpose::Agent => match services.agents.clone() {
                Some(mut agents) => match agents.call(request).await {
                    Ok(response) => response.map(Body::new),
                    Err(never) => match never {},
                },
                None => elsewhere(),
            },
            Purpose::AgentSocket => match &services.sockets {
                Some(dispatcher) => Box::pin(dispatcher.agent_socket(request)).await.map(Body::from),
                None => elsewhere(),
            },
            Purpose::Socket => match &services.sockets {
                Some(dispatcher) => dispatcher.socket(request).map(Body::from),
                None => elsewhere(),
            },
            Purpose::Api => match services.api.clone() {
                Some(router) => match router.oneshot(request.map(Body::new)).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                None => elsewhere(),
            },
            Purpose::Live | Purpose::Ready => elsewhere(),
        }
    }

    fn ready(&self) -> Response<Body> {
        let report = self.readiness.report();
        let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        match serde_json::to_vec(&report) {
            Ok(json) => answer(status, "application/json", json),
            Err(err) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, err.to_string()),
        }
    }
}

impl App for Front {
    async fn call(&self, request: Request<Incoming>, head: Option<RawHead>, peer: Peer) -> Response<Body> {
        let purpose = match self.is_for_a_domain(&request) {
            true => Purpose::Webhook,
            false => Purpose::of(request.method(), request.uri().path(), request.headers()),
        };
        let counted = match purpose {
            Purpose::Live => return answer(StatusCode::OK, TEXT, "live\n"),
            Purpose::Ready => return self.ready(),
            Purpose::Webhook => For::webhook,
            Purpose::Agent | Purpose::AgentSocket => For::agent,
            Purpose::Socket => For::socket,
            Purpose::Api => For::api,
        };
        let came = Instant::now();
        let response = self.serve(purpose, request, head, peer).await;
        self.requests.note(counted, response.status(), came.elapsed());
        response
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The store is not open yet.
fn starting() -> Response<Body> {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, "the server is starting\n");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The role that this is for does not run in this process.
fn elsewhere() -> Response<Body> {
    answer(StatusCode::NOT_FOUND, TEXT, "not served here\n")
}

#[cfg(test)]
mod tests;
