//! Opens a session: who it is, what it wants.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use proto::v1::{self, FromAgent, from_agent};
use tonic::Status;

use super::serve::Served;
use super::{AgentLine, Line, Session};
use crate::gate::{self, Identity};
use crate::hub::Hub;

/// How long an agent may take to say hello.
const HELLO_WAIT_MAX: Duration = Duration::from_secs(10);
/// The most attempts that an agent may take at once.
const CREDITS_MAX: u32 = 4096;
/// The longest name of a group, in bytes.
const GROUP_BYTES_MAX: usize = 128;
/// The longest version of an agent's program, in bytes: it is said to every dispatcher.
const VERSION_BYTES_MAX: usize = 64;
/// The most buckets that a hello may name.
const BUCKETS_MAX: usize = 1000;

/// What an agent says, whatever carries it. It ends when the agent closes the session.
pub(super) type Inbound = Pin<Box<dyn Stream<Item = Result<FromAgent, Status>> + Send>>;

/// Checks the credentials of a request for a session.
///
/// # Errors
/// `UNAUTHENTICATED` when they are missing or not good; `UNAVAILABLE` when no session is opened now.
pub(super) async fn admit(hub: &Hub, headers: &HeaderMap) -> Result<Identity, Status> {
    if hub.stop().is_given() {
        return Err(Status::unavailable("this dispatcher is about to stop"));
    }
    if !hub.store().directory().is_loaded() {
        return Err(Status::unavailable("this dispatcher is not ready yet"));
    }
    gate::admit(hub.store(), headers).await
}

/// Hears the hello and says welcome.
///
/// # Errors
/// What the session ends with at once.
pub(super) async fn open(
    hub: Hub,
    identity: Identity,
    line: AgentLine,
    mut inbound: Inbound,
    peer: String,
) -> Result<Served, Status> {
    let hello = hello(&mut inbound).await?;
    let session = Arc::new(Session::new(hello.credits, Line::Agent(line.clone())));
    Served::open(hub, session, line, identity, hello, peer, inbound).await
}

/// The first message, checked.
async fn hello(inbound: &mut Inbound) -> Result<v1::Hello, Status> {
    let first = tokio::time::timeout(HELLO_WAIT_MAX, inbound.next()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no hello came"))?.transpose()?;
    let hello = match first.and_then(|m| m.message) {
        Some(from_agent::Message::Hello(hello)) => hello,
        _ => return Err(Status::invalid_argument("the first message must be a hello")),
    };
    match v1::Mode::try_from(hello.mode) {
        Ok(v1::Mode::Forward) => {}
        Ok(v1::Mode::Unspecified) | Err(_) => return Err(Status::invalid_argument("the mode is not known")),
    }
    if hello.credits == 0 || hello.credits > CREDITS_MAX {
        return Err(Status::invalid_argument(format!("credits must be 1 to {CREDITS_MAX}")));
    }
    if hello.group.len() > GROUP_BYTES_MAX {
        return Err(Status::invalid_argument(format!("a group's name has at most {GROUP_BYTES_MAX} bytes")));
    }
    if hello.agent_version.len() > VERSION_BYTES_MAX {
        return Err(Status::invalid_argument(format!("a version has at most {VERSION_BYTES_MAX} bytes")));
    }
    if hello.buckets.len() > BUCKETS_MAX {
        return Err(Status::invalid_argument(format!("a hello names at most {BUCKETS_MAX} buckets")));
    }
    Ok(hello)
}
