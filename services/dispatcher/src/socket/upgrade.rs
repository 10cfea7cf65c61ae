//! Answers a request for the public socket.

use http::{Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::{BODY_BYTES_MAX, serve};
use crate::hub::Hub;
use crate::session::Peer;
use crate::web_socket::{Upgrade, refusal, upgrade_required};

/// The largest message of a client, in bytes: a subscription to a thousand buckets.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// The size of the buffer for reading, in bytes: clients say little.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What may wait to be written, in bytes: a few of the largest frames.
const WRITE_BUFFER_BYTES_MAX: usize = 8 * BODY_BYTES_MAX as usize;

/// Answers a request for the public socket, and serves what becomes of it.
pub(crate) fn upgrade<B>(hub: &Hub, mut request: Request<B>) -> Response<String> {
    if hub.stop().is_given() || !hub.store().directory().is_loaded() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "try again\n");
    }
    let Some(upgrade) = Upgrade::of(&mut request) else {
        return upgrade_required();
    };
    let response = upgrade.response();
    // What counts the connection among the open ones lies in the extensions, and stays for as long.
    let (parts, _) = request.into_parts();
    let peer = Peer::of(&parts.extensions);
    let task_hub = hub.clone();
    hub.tasks().spawn(async move {
        if let Some(socket) = upgrade.socket(config()).await {
            Box::pin(serve::run(task_hub, socket, peer)).await;
        }
        drop(parts);
    });
    response
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}
