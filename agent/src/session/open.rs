//! Opens a session: dials, says Hello, waits for Welcome.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use outbound::tls::Tls;
use proto::v1;
use proto::v1::agent_client::AgentClient;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};

use super::state::{State, Step, Violation};
use crate::server::{DialError, Server};

/// How long it may take from the look-up of the server's name to Welcome.
const OPEN_TIME_MAX: Duration = Duration::from_secs(20);
/// How many bytes may be on their way to the agent: enough for a full pipe across an ocean.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Room for messages beside the outcomes, of which there are never more than credits.
const OUTGOING_EXTRA: usize = 8;

/// An open session.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) welcome: v1::Welcome,
    pub(super) outgoing: mpsc::Sender<v1::FromAgent>,
    pub(super) incoming: Streaming<v1::ToAgent>,
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("the server refused the credentials")]
    Refused,
    #[error("{0}")]
    NotFound(String),
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("no session was opened within {} s", OPEN_TIME_MAX.as_secs())]
    TimedOut,
    #[error("the connection could not be used")]
    Transport(#[from] tonic::transport::Error),
    #[error("the server answered {:?}: {}", .0.code(), .0.message())]
    Status(Status),
    #[error("the server closed the session before it was open")]
    Closed,
    #[error(transparent)]
    Violation(#[from] Violation),
}

impl From<Status> for OpenError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unauthenticated => Self::Refused,
            Code::NotFound => Self::NotFound(status.message().to_owned()),
            _ => Self::Status(status),
        }
    }
}

/// Opens a session with the server, showing `authorization`.
pub(super) async fn open(
    server: &Server,
    tls: &Tls,
    authorization: &str,
    hello: v1::Hello,
) -> Result<Opened, OpenError> {
    match tokio::time::timeout(OPEN_TIME_MAX, try_open(server, tls, authorization, hello)).await {
        Ok(result) => result,
        Err(_) => Err(OpenError::TimedOut),
    }
}

async fn try_open(server: &Server, tls: &Tls, authorization: &str, hello: v1::Hello) -> Result<Opened, OpenError> {
    let credits = hello.credits;
    let mut client = client(server, tls).await?;
    let (outgoing, rx) = mpsc::channel(credits as usize + OUTGOING_EXTRA);
    let hello = v1::FromAgent { message: Some(v1::from_agent::Message::Hello(hello)) };
    outgoing.send(hello).await.map_err(|_| OpenError::Closed)?;
    let mut request = tonic::Request::new(ReceiverStream::new(rx));
    let mut value = AsciiMetadataValue::try_from(authorization).map_err(|_| OpenError::Refused)?;
    value.set_sensitive(true);
    request.metadata_mut().insert("authorization", value);
    let mut incoming = client.session(request).await?.into_inner();
    let mut state = State::new(credits, Instant::now());
    let first = incoming.message().await?.ok_or(OpenError::Closed)?;
    match state.receive(first, Instant::now())? {
        Step::Opened(welcome) => Ok(Opened { state, welcome, outgoing, incoming }),
        _ => Err(Violation::NoWelcome.into()),
    }
}

/// A client on a connection of its own, so that a new session resolves the server's name anew
/// and may land on another dispatcher.
async fn client(server: &Server, tls: &Tls) -> Result<AgentClient<tonic::transport::Channel>, OpenError> {
    let mut stream = Some(TokioIo::new(server.dial(tls).await?));
    // The endpoint is told of plain HTTP, since TLS is spoken below it; the origin is the true one.
    let endpoint = Endpoint::from_shared(format!("http://{}", server.authority()))?
        .user_agent(concat!("relay/", env!("CARGO_PKG_VERSION")))?
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let endpoint = match server.url("/").parse() {
        Ok(origin) => endpoint.origin(origin),
        Err(_) => endpoint,
    };
    let once = tower::service_fn(move |_| {
        let stream = stream.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotConnected));
        std::future::ready(stream)
    });
    let channel = endpoint.connect_with_connector(once).await?;
    Ok(AgentClient::new(channel)
        .max_decoding_message_size(proto::MESSAGE_BYTES_MAX)
        .max_encoding_message_size(proto::MESSAGE_BYTES_MAX))
}
