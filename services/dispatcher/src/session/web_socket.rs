//! Sessions over a WebSocket, as `proto::web_socket` says.

use std::pin::pin;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::header::{SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use prost::Message as _;
use proto::MESSAGE_BYTES_MAX;
use proto::v1::FromAgent;
use proto::web_socket::{SUB_PROTOCOL, close};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tonic::{Code, Status};

use super::open::{admit, open};
use super::serve::LAST_WORD_WAIT;
use super::{Peer, Said, UNREAD_MAX};
use crate::gate::Identity;
use crate::hub::Hub;
use crate::web_socket::{Socket, Upgrade, asks_for, refusal, upgrade_required};

/// How many messages may wait for the session: it reads no further while there is no room.
const UNHEARD_MAX: usize = 1;
/// How much is read or written at once, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Answers a request for a session, and serves what becomes of it.
pub(crate) async fn upgrade<B>(hub: &Hub, mut request: Request<B>) -> Response<String> {
    let Some(upgrade) = Upgrade::of(&mut request) else {
        return upgrade_required();
    };
    if !asks_for(request.headers(), SUB_PROTOCOL) {
        return refusal(StatusCode::BAD_REQUEST, "the sub-protocol relay.agent.v1 is spoken here\n");
    }
    let identity = match admit(hub, request.headers()).await {
        Ok(identity) => identity,
        Err(status) => return refused(&status),
    };
    let mut response = upgrade.response();
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUB_PROTOCOL));
    // What counts the connection among the open ones lies in the extensions, and stays for as long.
    let (parts, _) = request.into_parts();
    let peer = Peer::of(&parts.extensions);
    let task_hub = hub.clone();
    hub.tasks().spawn(async move {
        if let Some(socket) = upgrade.socket(config()).await {
            Box::pin(run(task_hub, identity, peer, socket)).await;
        }
        drop(parts);
    });
    response
}

/// No session comes of the request.
fn refused(status: &Status) -> Response<String> {
    let text = format!("{}\n", status.message());
    if status.code() != Code::Unauthenticated {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, &text);
    }
    let mut refusal = refusal(StatusCode::UNAUTHORIZED, &text);
    refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"relay\""));
    refusal
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(BUFFER_BYTES + 2 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Serves a session until it has ended and the agent knows.
async fn run(hub: Hub, identity: Identity, peer: String, socket: Socket) {
    let (line, outgoing) = mpsc::channel(UNREAD_MAX);
    let (to_session, inbound) = mpsc::channel(UNHEARD_MAX);
    let serving = async {
        match open(hub, identity, line.clone(), Box::pin(ReceiverStream::new(inbound)), peer).await {
            Ok(served) => served.run().await,
            // Nothing was said before: there is room.
            Err(status) => drop(line.send(Err(status)).await),
        }
    };
    let (mut serving, mut carrying) = (pin!(serving), pin!(carry(socket, to_session, outgoing)));
    tokio::select! {
        // The session has ended, and its last word is on its way to an agent that may not read.
        () = &mut serving => drop(timeout(LAST_WORD_WAIT, carrying).await),
        // The connection is gone, and the session hears of it.
        () = &mut carrying => serving.await,
    }
}

/// Carries messages both ways until the session has ended.
async fn carry(socket: Socket, to_session: mpsc::Sender<Result<FromAgent, Status>>, outgoing: mpsc::Receiver<Said>) {
    let (mut sink, mut stream) = socket.split();
    tokio::join!(read(&mut stream, to_session), write(&mut sink, outgoing));
    // What the agent has still sent is read: a connection that is closed over it is reset, and the
    // agent would not learn why.
    if let Ok(socket) = sink.reunite(stream) {
        let mut raw = socket.into_inner();
        let _ = raw.shutdown().await;
        let _ = tokio::io::copy(&mut raw, &mut tokio::io::sink()).await;
    }
}

/// Hears the agent until it says no more, or nobody listens.
async fn read(stream: &mut SplitStream<Socket>, to_session: mpsc::Sender<Result<FromAgent, Status>>) {
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            () = to_session.closed() => return,
        };
        let heard = match message {
            Some(Ok(Message::Binary(bytes))) => FromAgent::decode(bytes)
                .map_err(|err| Status::invalid_argument(format!("a message that cannot be read: {err}"))),
            // tungstenite has answered it.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                Err(Status::invalid_argument("a message that is not binary"))
            }
            Some(Err(err)) => Err(broken(&err)),
            Some(Ok(Message::Close(_))) | None => return,
        };
        let is_end = heard.is_err();
        if to_session.send(heard).await.is_err() || is_end {
            return;
        }
    }
}

/// What a session ends with when its connection carries nothing more.
fn broken(err: &Error) -> Status {
    match err {
        Error::Capacity(_) => Status::out_of_range(format!("a message of more than {MESSAGE_BYTES_MAX} bytes")),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Status::cancelled("the agent is gone"),
        Error::Protocol(_) | Error::Utf8(_) => Status::invalid_argument(format!("no proper WebSocket: {err}")),
        _ => Status::cancelled(format!("the connection broke: {err}")),
    }
}

/// Says what there is to say, and how the session ends.
async fn write(sink: &mut SplitSink<Socket, Message>, mut outgoing: mpsc::Receiver<Said>) {
    while let Some(said) = outgoing.recv().await {
        let message = match said {
            Ok(message) => Message::Binary(message.encode_to_vec().into()),
            Err(status) => {
                let (code, reason) = close(&status);
                let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
                let _ = sink.send(Message::Close(Some(frame))).await;
                return;
            }
        };
        let written = match outgoing.is_empty() {
            true => sink.send(message).await,
            false => sink.feed(message).await,
        };
        // The reader hears of it too, and tells.
        if written.is_err() {
            return;
        }
    }
}
