//! Makes a WebSocket of an HTTP/1.1 request (RFC 6455, section 4.2).

use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::debug;

use super::{BODY_BYTES_MAX, serve};
use crate::hub::Hub;
use crate::session::Peer;

/// The only version of the protocol (RFC 6455, section 4.1).
const VERSION: &[u8] = b"13";
/// The largest message of a client, in bytes: a subscription to a thousand buckets.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// The size of the buffer for reading, in bytes: clients say little.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What may wait to be written, in bytes: a few of the largest frames.
const WRITE_BUFFER_BYTES_MAX: usize = 8 * BODY_BYTES_MAX as usize;

/// A WebSocket of a client.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers a request for the public socket, and serves what becomes of it.
pub(crate) fn upgrade<B>(hub: &Hub, mut request: Request<B>) -> Response<String> {
    if hub.stop().is_given() || !hub.store().directory().is_loaded() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "try again\n");
    }
    let Some(accept) = accept_key(&request) else {
        let mut refusal = refusal(StatusCode::UPGRADE_REQUIRED, "a WebSocket of version 13 is served here\n");
        refusal.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        refusal.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return refusal;
    };
    let upgraded = hyper::upgrade::on(&mut request);
    // What counts the connection among the open ones lies in the extensions, and stays for as long.
    let (parts, _) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.to_string()).unwrap_or_default();
    let task_hub = hub.clone();
    hub.tasks().spawn(async move {
        if let Some(socket) = open(upgraded).await {
            Box::pin(serve::run(task_hub, socket, peer)).await;
        }
        drop(parts);
    });
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// What proves to the client that its request was understood; `None` when it asks for no WebSocket.
fn accept_key<B>(request: &Request<B>) -> Option<HeaderValue> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && names(headers, CONNECTION, "upgrade")
        && names(headers, UPGRADE, "websocket")
        && headers.get(SEC_WEBSOCKET_VERSION).is_some_and(|version| version.as_bytes() == VERSION);
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asks)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// Whether one of the comma-separated values of a header is this one, regardless of case.
fn names(headers: &HeaderMap, name: HeaderName, value: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(value))
}

async fn open(upgraded: OnUpgrade) -> Option<Socket> {
    match upgraded.await {
        Ok(io) => {
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER_BYTES)
                .write_buffer_size(0)
                .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            Some(WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, Some(config)).await)
        }
        Err(error) => {
            debug!(%error, "a client left before its socket was open");
            None
        }
    }
}

fn refusal(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
