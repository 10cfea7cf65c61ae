//! A session over a WebSocket, as `proto::web_socket` says.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use outbound::net::Stream;
use prost::Message as _;
use proto::v1;
use proto::web_socket::{PATH, SUB_PROTOCOL, closed};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::open::OpenError;
use crate::server::Server;

/// How many messages may wait to be heard: the agent listens no further while it has no room.
const WAITING_MAX: usize = 2;
/// How much is written at once, in bytes.
const WRITE_BYTES: usize = 64 * 1024;

/// What the dispatcher says. Dropping it closes the connection.
#[derive(Debug)]
pub(super) struct Incoming {
    messages: mpsc::Receiver<Result<v1::ToAgent, Status>>,
    _reading: AbortOnDropHandle<()>,
    _writing: AbortOnDropHandle<()>,
}

/// Opens a session's WebSocket on a connection, showing `authorization`.
pub(super) async fn open(
    server: &Server,
    stream: Stream,
    authorization: &str,
    outgoing: mpsc::Receiver<v1::FromAgent>,
) -> Result<Incoming, OpenError> {
    // TLS is spoken below, so that the scheme is the plain one here.
    let url = format!("ws://{}{}", server.authority(), server.target(PATH));
    let mut request = url.into_client_request().map_err(failed)?;
    let mut shown = HeaderValue::from_str(authorization).map_err(|_| OpenError::Refused)?;
    shown.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, shown);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUB_PROTOCOL));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("relay/", env!("CARGO_PKG_VERSION"))));
    let config = WebSocketConfig::default()
        .max_message_size(Some(proto::MESSAGE_BYTES_MAX))
        .max_frame_size(Some(proto::MESSAGE_BYTES_MAX))
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(WRITE_BYTES + 2 * proto::MESSAGE_BYTES_MAX);
    let upgraded = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (socket, _) = upgraded.map_err(failed)?;
    let (sink, stream) = socket.split();
    let (tx, messages) = mpsc::channel(WAITING_MAX);
    Ok(Incoming {
        messages,
        _reading: AbortOnDropHandle::new(tokio::spawn(read(stream, tx))),
        _writing: AbortOnDropHandle::new(tokio::spawn(write(sink, outgoing))),
    })
}

impl Incoming {
    /// The next message; none when the dispatcher has ended the session in good order. Cancel safe.
    pub(super) async fn message(&mut self) -> Result<Option<v1::ToAgent>, Status> {
        self.messages.recv().await.transpose()
    }
}

/// Hears the dispatcher until it has ended the session.
async fn read(mut stream: SplitStream<WebSocketStream<Stream>>, tx: mpsc::Sender<Result<v1::ToAgent, Status>>) {
    let end = loop {
        let message = match stream.next().await {
            Some(Ok(Message::Binary(bytes))) => v1::ToAgent::decode(bytes),
            // tungstenite has answered it.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(frame))) => break ended(frame),
            Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                break Err(Status::internal("a message that is not binary"));
            }
            Some(Err(err)) => break Err(Status::unavailable(format!("the connection broke: {err}"))),
            None => break Err(Status::unavailable("the connection ended")),
        };
        match message {
            Ok(message) => {
                if tx.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            Err(err) => break Err(Status::internal(format!("a message that cannot be read: {err}"))),
        }
    };
    if let Err(status) = end {
        // Nobody may listen any more.
        let _ = tx.send(Err(status)).await;
    }
}

/// Says what there is to say; when that is all, says so too.
async fn write(mut sink: SplitSink<WebSocketStream<Stream>, Message>, mut outgoing: mpsc::Receiver<v1::FromAgent>) {
    while let Some(message) = outgoing.recv().await {
        let message = Message::Binary(message.encode_to_vec().into());
        let said = match outgoing.is_empty() {
            true => sink.send(message).await,
            false => sink.feed(message).await,
        };
        // The reader hears of it too, and tells.
        if said.is_err() {
            return;
        }
    }
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let _ = sink.send(Message::Close(Some(goodbye))).await;
}

/// How the dispatcher has ended the session.
fn ended(frame: Option<CloseFrame>) -> Result<(), Status> {
    match frame {
        Some(CloseFrame { code, reason }) => closed(code.into(), reason.as_str()),
        None => Err(Status::unavailable("closed without a reason")),
    }
}

/// Why there is no WebSocket.
fn failed(err: Error) -> OpenError {
    match &err {
        Error::Http(answer) if answer.status() == http::StatusCode::UNAUTHORIZED => OpenError::Refused,
        _ => OpenError::WebSocket(Box::new(err)),
    }
}
