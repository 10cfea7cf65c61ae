//! Makes a WebSocket of an HTTP/1.1 request (RFC 6455, section 4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::debug;

/// The only version of the protocol (RFC 6455, section 4.1).
const VERSION: &[u8] = b"13";
/// The size of what a client's key says in Base64 (RFC 6455, section 4.1).
const KEY_BYTES: usize = 16;

/// What a WebSocket runs on.
pub(crate) type Raw = TokioIo<Upgraded>;
/// A WebSocket of a client.
pub(crate) type Socket = WebSocketStream<Raw>;

/// A request for a WebSocket, that was understood.
pub(crate) struct Upgrade {
    accept: HeaderValue,
    upgraded: OnUpgrade,
}

impl Upgrade {
    /// What the request asks for; `None` when it is no WebSocket.
    pub(crate) fn of<B>(request: &mut Request<B>) -> Option<Self> {
        let accept = accept_key(request)?;
        Some(Self { accept, upgraded: hyper::upgrade::on(request) })
    }

    /// The answer that lets the client go on with the WebSocket.
    pub(crate) fn response(&self) -> Response<String> {
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        response
    }

    /// The WebSocket, once the answer is written; `None` when the client has left before.
    pub(crate) async fn socket(self, config: WebSocketConfig) -> Option<Socket> {
        match self.upgraded.await {
            Ok(io) => Some(WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, Some(config)).await),
            Err(error) => {
                debug!(%error, "a client left before its socket was open");
                None
            }
        }
    }
}

/// Whether the request asks for this sub-protocol.
pub(crate) fn asks_for(headers: &HeaderMap, sub_protocol: &str) -> bool {
    names(headers, SEC_WEBSOCKET_PROTOCOL, sub_protocol)
}

/// The answer to a request that asks for no WebSocket.
pub(crate) fn upgrade_required() -> Response<String> {
    let mut refusal = refusal(StatusCode::UPGRADE_REQUIRED, "a WebSocket of version 13 is served here\n");
    refusal.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    refusal.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    refusal
}

/// An answer that refuses a request.
pub(crate) fn refusal(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(text.to_owned());
    *response.status_mut() = status;
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
    STANDARD.decode(key.as_bytes()).ok().filter(|key| key.len() == KEY_BYTES)?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()
}

/// Whether one of the comma-separated values of a header is this one, regardless of case.
fn names(headers: &HeaderMap, name: HeaderName, value: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(value))
}

#[cfg(test)]
mod tests;
