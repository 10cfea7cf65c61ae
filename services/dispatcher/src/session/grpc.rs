//! Sessions over gRPC.

use futures_util::StreamExt;
use futures_util::stream::Map;
use proto::v1::agent_server::Agent;
use proto::v1::{FromAgent, ToAgent};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::open::{admit, open};
use super::{Peer, Said, UNREAD_MAX};
use crate::hub::Hub;

/// The gRPC service: every call is a session.
pub struct Sessions {
    hub: Hub,
}

impl Sessions {
    pub(crate) fn new(hub: Hub) -> Self {
        Self { hub }
    }
}

#[tonic::async_trait]
impl Agent for Sessions {
    type SessionStream = Map<ReceiverStream<Said>, fn(Said) -> Result<ToAgent, Status>>;

    async fn session(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<Self::SessionStream>, Status> {
        let identity = admit(&self.hub, request.metadata().as_ref()).await?;
        let peer = Peer::of(request.extensions());
        let inbound = Box::pin(request.into_inner());
        let (line, outgoing) = mpsc::channel(UNREAD_MAX);
        let served = open(self.hub.clone(), identity, line, inbound, peer).await?;
        self.hub.tasks().spawn(served.run());
        let unboxed: fn(Said) -> Result<ToAgent, Status> = |said| said.map(|message| *message);
        Ok(Response::new(ReceiverStream::new(outgoing).map(unboxed)))
    }
}
