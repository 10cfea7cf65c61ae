//! One live connection of an agent: what was sent to it, what it has in flight, what it may take.

mod serve;
mod subscription;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::answer::Answer;
use model::fact::Outcome;
use model::reason::Reason;
use model::{EventId, OutputId, SessionId};
use proto::v1::agent_server::Agent;
use proto::v1::to_agent::Message;
use proto::v1::{self, FromAgent, ToAgent, from_agent};
use store::fact::CursorKey;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::courier::ToCourier;
use crate::gate;
use crate::hub::Hub;
use crate::public::Attempts;
use crate::socket::SocketLine;

pub(crate) use subscription::{Place, Subscription};

/// How often both sides send a heartbeat.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long an agent may take to say hello.
const HELLO_WAIT_MAX: Duration = Duration::from_secs(10);
/// How many messages wait for an agent that does not read: with the largest messages, 16 MiB.
const UNREAD_MAX: usize = 8;
/// The most attempts that an agent may take at once.
const CREDITS_MAX: u32 = 4096;
/// The longest name of a group, in bytes.
const GROUP_BYTES_MAX: usize = 128;
/// The most buckets that a hello may name.
const BUCKETS_MAX: usize = 1000;

/// The address that a session comes from; whoever accepts its connection puts it into the
/// extensions of the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A session, as couriers see it.
pub(crate) struct Session {
    id: SessionId,
    line: Line,
    credits: u32,
    table: Mutex<Table>,
}

/// Where a session's attempts go.
pub(crate) enum Line {
    /// To an agent, as messages of its stream.
    Agent(AgentLine),
    /// To a client of the public socket, as frames.
    Socket(SocketLine),
    /// To destinations, from here.
    Public(Arc<Attempts>),
}

/// The messages to an agent.
pub(crate) type AgentLine = mpsc::Sender<Result<ToAgent, Status>>;

/// What a session has in flight.
#[derive(Default)]
struct Table {
    last_number: u64,
    in_flight: HashMap<u64, InFlight>,
    /// How many of those are attempts at suspect outputs.
    suspect: u32,
    /// Couriers that found no room.
    waiting: VecDeque<mpsc::UnboundedSender<ToCourier>>,
    closed: bool,
}

struct InFlight {
    courier: mpsc::UnboundedSender<ToCourier>,
    key: CursorKey,
    event: EventId,
    suspect: bool,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Which way.
    pub(crate) outcome: Outcome,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u32,
    /// Why, where the outcome does not say.
    pub(crate) reason: Option<Reason>,
    /// What the destination answered, as far as it is known.
    pub(crate) answer: Option<Box<Answer>>,
}

/// The session is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// Sends a message to an agent, waiting until it has read enough of those before.
///
/// # Errors
/// [`Gone`] when the session has ended.
pub(crate) async fn send(line: &AgentLine, message: Message) -> Result<(), Gone> {
    line.send(Ok(ToAgent { message: Some(message) })).await.map_err(|_| Gone)
}

/// The agent reported an attempt that it was not given, or reported one twice.
#[derive(Debug)]
pub(crate) struct NotInFlight;

impl Session {
    /// A session with room for so many attempts.
    pub(crate) fn new(credits: u32, line: Line) -> Self {
        Self { id: SessionId(Uuid::new_v4()), line, credits, table: Mutex::default() }
    }

    /// Where its attempts go.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    /// Takes room for an attempt and returns its number; `None` when there is none, and then the
    /// courier is told when there is again. Attempts at suspect outputs get at most half of the
    /// room, so that those which time out leave some for the others.
    pub(crate) fn begin(
        &self,
        courier: &mpsc::UnboundedSender<ToCourier>,
        key: CursorKey,
        event: EventId,
        suspect: bool,
    ) -> Option<u64> {
        let mut table = self.table();
        let in_flight = u32::try_from(table.in_flight.len()).unwrap_or(u32::MAX);
        let room = in_flight < self.credits && (!suspect || table.suspect < (self.credits / 2).max(1));
        if table.closed {
            return None;
        }
        if !room {
            if !table.waiting.iter().any(|w| w.same_channel(courier)) {
                table.waiting.push_back(courier.clone());
            }
            return None;
        }
        table.last_number += 1;
        table.suspect += u32::from(suspect);
        let number = table.last_number;
        table.in_flight.insert(number, InFlight { courier: courier.clone(), key, event, suspect });
        Some(number)
    }

    /// Gives back the room of an attempt that was not handed over.
    pub(crate) fn withdraw(&self, key: &CursorKey, event: EventId) {
        let mut table = self.table();
        let number = table.in_flight.iter().find(|(_, f)| f.event == event && f.key == *key).map(|(n, _)| *n);
        if let Some(number) = number {
            table.take(number);
        }
    }

    /// Tells the courier how an attempt ended.
    ///
    /// # Errors
    /// [`NotInFlight`].
    pub(crate) fn report(&self, number: u64, ended: Ended) -> Result<(), NotInFlight> {
        let InFlight { courier, event, .. } = self.table().take(number).ok_or(NotInFlight)?;
        // A courier that has ended gave the event back already.
        let _ = courier.send(ToCourier::Finished(event, ended));
        Ok(())
    }

    /// The client has received these webhooks; what it does with them it does not say here.
    pub(crate) fn received(&self, numbers: &[u64]) {
        for number in numbers {
            // One that was reported over REST is no longer in flight.
            let Some(InFlight { courier, event, .. }) = self.table().take(*number) else { continue };
            let _ = courier.send(ToCourier::Received(event));
        }
    }

    /// The number of the attempt at this delivery that is in flight.
    pub(crate) fn number_of(&self, event: EventId, output: OutputId) -> Option<u64> {
        let table = self.table();
        table.in_flight.iter().find(|(_, f)| f.event == event && f.key.output == output).map(|(number, _)| *number)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.table().in_flight.len()
    }

    /// Tells every courier that what this session had in flight is lost.
    pub(crate) fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        table.waiting.clear();
        for (_, lost) in table.in_flight.drain() {
            let _ = lost.courier.send(ToCourier::Lost(lost.event));
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Takes an attempt out, and lets a courier that waits know that there is room.
    fn take(&mut self, number: u64) -> Option<InFlight> {
        let taken = self.in_flight.remove(&number)?;
        self.suspect -= u32::from(taken.suspect);
        // A suspect courier may still find no room; the next one must not wait for it.
        for _ in 0..2 {
            if let Some(courier) = self.waiting.pop_front() {
                let _ = courier.send(ToCourier::Room);
            }
        }
        Some(taken)
    }
}

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
    type SessionStream = Pin<Box<ReceiverStream<Result<ToAgent, Status>>>>;

    async fn session(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<Self::SessionStream>, Status> {
        if self.hub.stop().is_given() {
            return Err(Status::unavailable("this dispatcher is about to stop"));
        }
        if !self.hub.store().directory().is_loaded() {
            return Err(Status::unavailable("this dispatcher is not ready yet"));
        }
        let identity = gate::admit(self.hub.store(), request.metadata()).await?;
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.to_string()).unwrap_or_default();
        let mut inbound = request.into_inner();
        let hello = hello(&mut inbound).await?;
        let (tx, rx) = mpsc::channel(UNREAD_MAX);
        let session = Arc::new(Session::new(hello.credits, Line::Agent(tx.clone())));
        let served = serve::Served::open(self.hub.clone(), session, tx, identity, hello, peer, inbound).await?;
        self.hub.tasks().spawn(served.run());
        Ok(Response::new(Box::pin(ReceiverStream::new(rx))))
    }
}

/// The first message, checked.
async fn hello(inbound: &mut Streaming<FromAgent>) -> Result<v1::Hello, Status> {
    let first = tokio::time::timeout(HELLO_WAIT_MAX, inbound.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no hello came"))??;
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
    if hello.buckets.len() > BUCKETS_MAX {
        return Err(Status::invalid_argument(format!("a hello names at most {BUCKETS_MAX} buckets")));
    }
    Ok(hello)
}

#[cfg(test)]
mod tests;
