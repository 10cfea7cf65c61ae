//! Brings events to the agents: sessions, cursors, retries, facts.
//!
//! The cast:
//!
//! - `gate` checks the credentials that a session begins with.
//! - `session` is one live connection of an agent, over gRPC or a WebSocket: its stream of messages,
//!   its credits, and what it has in flight.
//! - `courier` is the task that works on one cursor: it takes events from the store, hands them to
//!   the sessions of the cursor's group, and turns outcomes into facts. Its decisions are in `book`.
//! - `socket` is one live connection of a client that speaks the public WebSocket protocol.
//! - `hub` brings sessions and couriers together.
//! - `presence` says who is here, to the other dispatchers and to people.
//! - `public` is the session that makes attempts at public outputs, without an agent.
//! - `alert` tells owners of trouble.
//! - `trace` makes the spans of attempts.
//! - `caretaker` ends what became too old on cursors that have no session, `forget` groups that no agent
//!   comes for any more.
//!
//! Not needed for correctness: anything in here. A dispatcher that dies loses nothing; what it had
//! in hand is given out again by JetStream, less what the facts say was sent.

mod alert;
mod book;
mod caretaker;
mod clock;
mod courier;
mod delivery;
mod forget;
mod gate;
mod hub;
mod metrics;
mod presence;
mod public;
mod session;
#[cfg(test)]
mod sim;
mod socket;
mod trace;
mod web_socket;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use ipnet::IpNet;
use outbound::InvalidServers;
use prometheus_client::registry::Registry;
use proto::MESSAGE_BYTES_MAX;
use proto::v1::agent_server::AgentServer;
use store::Store;
use telemetry::Stop;

pub use session::{Peer, Sessions};

/// How long a stopping dispatcher waits for what its agents have in hand.
pub const DRAIN_MAX: Duration = Duration::from_secs(20);

/// What an operator decides about public outputs.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Networks that may be called although they are not public.
    pub allowed_networks: Vec<IpNet>,
    /// The name servers to ask; none for whatever the system does.
    pub dns_servers: Vec<SocketAddr>,
}

/// The dispatcher: a gRPC service, and what runs behind it.
#[derive(Clone)]
pub struct Dispatcher {
    hub: hub::Hub,
    public: Arc<public::Attempts>,
}

impl Dispatcher {
    /// A dispatcher on this store. `stop` is what ends it, `registry` where it says what it counts.
    ///
    /// # Errors
    /// When the name servers cannot be used.
    pub fn new(store: Store, config: Config, stop: Stop, registry: &mut Registry) -> Result<Self, InvalidServers> {
        let public = Arc::new(public::Attempts::new(config)?);
        let hub = hub::Hub::new(store, stop, metrics::Metrics::new(registry));
        registry.register_collector(Box::new(metrics::Standings(hub.clone())));
        Ok(Self { hub, public })
    }

    /// The gRPC service for agents.
    pub fn service(&self) -> AgentServer<Sessions> {
        AgentServer::new(Sessions::new(self.hub.clone()))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Answers a request for a session of an agent over a WebSocket, as `proto::web_socket` says. What
    /// counts its connection among the open ones may lie in the extensions of the request: they live
    /// as long as the session.
    pub async fn agent_socket<B>(&self, request: Request<B>) -> Response<String> {
        session::upgrade(&self.hub, request).await
    }

    /// Answers a request for the public socket. What counts its connection among the open ones may
    /// lie in the extensions of the request: they live as long as the socket.
    pub fn socket<B>(&self, request: Request<B>) -> Response<String> {
        socket::upgrade(&self.hub, request)
    }

    /// Works until told to stop; then lets the agents finish what they have in hand, gives the
    /// rest back, and returns.
    pub async fn run(&self) {
        tokio::join!(
            alert::run(&self.hub, self.public.clone()),
            caretaker::run(&self.hub),
            forget::run(&self.hub),
            presence::run(&self.hub),
            public::run(&self.hub, self.public.clone()),
            socket::sweep::run(&self.hub),
            socket::report::run(&self.hub)
        );
        self.hub.finished().await;
    }
}
