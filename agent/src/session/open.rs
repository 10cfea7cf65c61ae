//! Opens a session: dials, says Hello, waits for Welcome.

use std::time::Duration;

use outbound::tls;
use proto::v1;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;
use tonic::{Code, Status};

use super::state::{State, Step, Violation};
use super::transport::{Dialer, Incoming, Transport};
use crate::server::DialError;

/// How long it may take from the look-up of the server's name to Welcome.
const OPEN_TIME_MAX: Duration = Duration::from_secs(20);
/// Room for messages beside the outcomes, of which there are never more than credits.
const OUTGOING_EXTRA: usize = 8;

/// An open session.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) state: State,
    pub(super) welcome: v1::Welcome,
    pub(super) outgoing: mpsc::Sender<v1::FromAgent>,
    pub(super) incoming: Incoming,
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
    #[error("the server does not take a WebSocket")]
    WebSocket(#[from] Box<tungstenite::Error>),
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

impl OpenError {
    /// Whether the server may be there and well, and only this transport blocked: by a proxy that
    /// knows no HTTP/2, or one that passes on no gRPC. What the server itself has said is final.
    pub(super) fn may_be_the_transport(&self) -> bool {
        match self {
            Self::Transport(_) | Self::TimedOut | Self::Closed | Self::WebSocket(_) => true,
            Self::Dial(DialError::Tls { source: tls::Error::Handshake(_), .. } | DialError::NotTls(_)) => true,
            // A status that the server sent comes with the headers of its answer. A connection that is
            // closed in our face is now this, now that, as it happens to be noticed.
            Self::Status(status) if status.metadata().is_empty() => matches!(
                status.code(),
                Code::Cancelled
                    | Code::Internal
                    | Code::PermissionDenied
                    | Code::Unavailable
                    | Code::Unimplemented
                    | Code::Unknown
            ),
            Self::Status(_) | Self::Dial(_) | Self::Refused | Self::NotFound(_) | Self::Violation(_) => false,
        }
    }
}

/// Opens a session, showing `authorization`.
pub(super) async fn open(
    dialer: &Dialer,
    transport: Transport,
    authorization: &str,
    hello: v1::Hello,
) -> Result<Opened, OpenError> {
    match tokio::time::timeout(OPEN_TIME_MAX, try_open(dialer, transport, authorization, hello)).await {
        Ok(result) => result,
        Err(_) => Err(OpenError::TimedOut),
    }
}

async fn try_open(
    dialer: &Dialer,
    transport: Transport,
    authorization: &str,
    hello: v1::Hello,
) -> Result<Opened, OpenError> {
    let credits = hello.credits;
    let (outgoing, rx) = mpsc::channel(credits as usize + OUTGOING_EXTRA);
    let hello = v1::FromAgent { message: Some(v1::from_agent::Message::Hello(hello)) };
    outgoing.send(hello).await.map_err(|_| OpenError::Closed)?;
    let mut incoming = transport.open(dialer, authorization, rx).await?;
    let mut state = State::new(credits, Instant::now());
    let first = incoming.message().await?.ok_or(OpenError::Closed)?;
    match state.receive(first, Instant::now())? {
        Step::Opened(welcome) => Ok(Opened { state, welcome, outgoing, incoming }),
        _ => Err(Violation::NoWelcome.into()),
    }
}
