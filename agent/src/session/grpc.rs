//! A session over gRPC.

use hyper_util::rt::TokioIo;
use outbound::net::Stream;
use proto::v1;
use proto::v1::agent_client::AgentClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};

use super::open::OpenError;
use crate::server::Server;

/// How many bytes may be on their way to the agent: enough for a full pipe across an ocean.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Opens a session's stream, showing `authorization`.
pub(super) async fn open(
    server: &Server,
    stream: Stream,
    authorization: &str,
    outgoing: mpsc::Receiver<v1::FromAgent>,
) -> Result<Streaming<v1::ToAgent>, OpenError> {
    let mut client = client(server, stream).await?;
    let mut request = tonic::Request::new(ReceiverStream::new(outgoing));
    let mut value = AsciiMetadataValue::try_from(authorization).map_err(|_| OpenError::Refused)?;
    value.set_sensitive(true);
    request.metadata_mut().insert("authorization", value);
    Ok(client.session(request).await?.into_inner())
}

/// A client on a connection of its own, so that a new session resolves the server's name anew and
/// may land on another dispatcher.
async fn client(server: &Server, stream: Stream) -> Result<AgentClient<Channel>, OpenError> {
    let mut stream = Some(TokioIo::new(stream));
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
