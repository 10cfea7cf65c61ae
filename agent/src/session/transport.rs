//! What carries a session's messages: gRPC, or a WebSocket where gRPC cannot be had.
//!
//! Everything above is the same for both: messages go out through a channel, come in one by one,
//! and the end is a gRPC status.

use outbound::net::Stream;
use outbound::tls::Tls;
use proto::v1;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::grpc;
use super::open::OpenError;
use super::web_socket;
use crate::server::{DialError, Server};

/// Which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// gRPC over HTTP/2.
    Grpc,
    /// A WebSocket (RFC 6455).
    WebSocket,
}

/// Which transports may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// gRPC, or a WebSocket when something on the way does not let it through.
    #[default]
    Either,
    /// A WebSocket, whatever is on the way.
    WebSocket,
}

/// Dials the server for either transport. The system's certificates are read once for each.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) server: Server,
    choice: Choice,
    http2: Tls,
    http1: Tls,
}

/// What the dispatcher says.
#[derive(Debug)]
pub(super) enum Incoming {
    Grpc(Box<Streaming<v1::ToAgent>>),
    WebSocket(web_socket::Incoming),
}

impl Dialer {
    /// Dials `server`, for these transports.
    pub(super) fn new(server: Server, choice: Choice) -> Self {
        let (http2, http1) = (server.secure(b"h2"), server.secure(b"http/1.1"));
        Self { server, choice, http2, http1 }
    }

    /// What is tried, in this order.
    pub(super) fn transports(&self) -> &'static [Transport] {
        match self.choice {
            Choice::Either => &[Transport::Grpc, Transport::WebSocket],
            Choice::WebSocket => &[Transport::WebSocket],
        }
    }

    /// A connection for this transport.
    pub(super) async fn dial(&self, transport: Transport) -> Result<Stream, DialError> {
        match transport {
            Transport::Grpc => self.server.dial(&self.http2).await,
            Transport::WebSocket => self.server.dial(&self.http1).await,
        }
    }
}

impl Transport {
    /// Opens a stream of messages, showing `authorization`; those of `outgoing` go to the dispatcher
    /// until it is closed.
    pub(super) async fn open(
        self,
        dialer: &Dialer,
        authorization: &str,
        outgoing: mpsc::Receiver<v1::FromAgent>,
    ) -> Result<Incoming, OpenError> {
        let stream = dialer.dial(self).await?;
        match self {
            Self::Grpc => {
                let opened = grpc::open(&dialer.server, stream, authorization, outgoing).await?;
                Ok(Incoming::Grpc(Box::new(opened)))
            }
            Self::WebSocket => {
                let opened = web_socket::open(&dialer.server, stream, authorization, outgoing).await?;
                Ok(Incoming::WebSocket(opened))
            }
        }
    }

    /// The name in log lines.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "gRPC",
            Self::WebSocket => "WebSocket",
        }
    }
}

impl Incoming {
    /// The next message; none when the dispatcher has ended the session in good order. Cancel safe.
    pub(super) async fn message(&mut self) -> Result<Option<v1::ToAgent>, Status> {
        match self {
            Self::Grpc(stream) => stream.message().await,
            Self::WebSocket(incoming) => incoming.message().await,
        }
    }
}
