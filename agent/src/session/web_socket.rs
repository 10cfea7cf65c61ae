//! A session over a WebSocket (RFC 6455), for networks in which gRPC does not get through.
//!
//! `GET /v1/agent` is upgraded with the sub-protocol [`SUB_PROTOCOL`] and the same `Authorization`
//! as over gRPC. Each binary message is one `FromAgent` or `ToAgent`. The dispatcher ends with the
//! close code [`CLOSE_BASE`] + gRPC status code and the status's message as reason.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use outbound::net::Stream;
use prost::Message as _;
use proto::v1;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Status};

use super::open::OpenError;
use crate::server::Server;

/// Where sessions are opened.
const PATH: &str = "/v1/agent";
/// What the messages are.
const SUB_PROTOCOL: &str = "relay.agent.v1";
/// The close code of gRPC status 0; the range is for private use (RFC 6455, section 7.4.2).
const CLOSE_BASE: u16 = 4000;
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
    let Some(CloseFrame { code, reason }) = frame else {
        return Err(Status::unavailable("closed without a reason"));
    };
    let code = u16::from(code);
    match code.checked_sub(CLOSE_BASE) {
        Some(0) => Ok(()),
        // What is no gRPC status counts as unknown.
        Some(status @ 1..1000) => Err(Status::new(Code::from_i32(status.into()), reason.as_str())),
        None if code == u16::from(CloseCode::Normal) => Ok(()),
        Some(_) | None => Err(Status::unavailable(format!("closed with code {code}: {reason}"))),
    }
}

/// Why there is no WebSocket.
fn failed(err: Error) -> OpenError {
    match &err {
        Error::Http(answer) if answer.status() == http::StatusCode::UNAUTHORIZED => OpenError::Refused,
        _ => OpenError::WebSocket(Box::new(err)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_codes_are_statuses() {
        let end = |code: u16, reason: &str| {
            let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
            ended(Some(frame)).map_err(|status| (status.code(), status.message().to_owned()))
        };
        assert_eq!(end(4000, ""), Ok(()));
        assert_eq!(end(1000, ""), Ok(()));
        assert_eq!(end(4016, "revoked"), Err((Code::Unauthenticated, "revoked".into())));
        assert_eq!(end(4005, "no bucket"), Err((Code::NotFound, "no bucket".into())));
        assert_eq!(end(4014, "restarting"), Err((Code::Unavailable, "restarting".into())));
        assert_eq!(end(4500, "later").unwrap_err().0, Code::Unknown);
        assert_eq!(end(1011, "oops"), Err((Code::Unavailable, "closed with code 1011: oops".into())));
        assert_eq!(ended(None).unwrap_err().code(), Code::Unavailable);
    }
}
