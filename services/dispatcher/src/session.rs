//! One live connection of an agent: what was sent to it, what it has in flight, what it may take.

mod beats;
mod grpc;
mod open;
mod serve;
mod subscription;
mod web_socket;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Extensions;
use model::answer::Answer;
use model::fact::Outcome;
use model::reason::Reason;
use model::{EventId, OutputId, SessionId};
use proto::v1::to_agent::Message;
use proto::v1::{FromAgent, Leave, ToAgent, from_agent};
use store::fact::CursorKey;
use tokio::sync::mpsc;
use tonic::Status;
use tracing::Span;
use uuid::Uuid;

use crate::book::Due;
use crate::courier::ToCourier;
use crate::public::Attempts;
use crate::socket::SocketLine;
use crate::trace;

pub use grpc::Sessions;
pub(crate) use subscription::{Place, Subscription};
pub(crate) use web_socket::upgrade;

/// How often both sides send a heartbeat.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);
/// How many messages wait for an agent that does not read: with the largest messages, 16 MiB.
const UNREAD_MAX: usize = 8;

/// The address that a session comes from; whoever accepts its connection puts it into the
/// extensions of the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The address in the extensions of a request, as text; empty when nobody has put it there.
    pub(crate) fn of(extensions: &Extensions) -> String {
        extensions.get::<Self>().map(|peer| peer.0.to_string()).unwrap_or_default()
    }
}

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

/// What there is to say to an agent, or how its session ends. A channel makes room for dozens at
/// once, of which an idle session needs none: in a box each takes little.
pub(crate) type Said = Result<Box<ToAgent>, Status>;

/// The messages to an agent.
pub(crate) type AgentLine = mpsc::Sender<Said>;

/// What a session has in flight.
#[derive(Default)]
struct Table {
    last_number: u64,
    /// By number, and so in the order in which they began.
    in_flight: BTreeMap<u64, InFlight>,
    /// How many of those are attempts at suspect outputs.
    suspect: u32,
    /// Couriers that found no room.
    waiting: VecDeque<mpsc::UnboundedSender<ToCourier>>,
    /// Those of suspect outputs that found none.
    suspects_waiting: VecDeque<mpsc::UnboundedSender<ToCourier>>,
    /// It begins nothing more.
    closed: bool,
}

struct InFlight {
    courier: mpsc::UnboundedSender<ToCourier>,
    key: CursorKey,
    event: EventId,
    suspect: bool,
    /// Ends with what is in flight.
    span: Span,
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
    line.send(said(message)).await.map_err(|_| Gone)
}

/// A message as it goes to an agent.
pub(crate) fn said(message: Message) -> Said {
    Ok(Box::new(ToAgent { message: Some(message) }))
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

    /// Takes room for an attempt and returns its number and span; `None` when there is none, and then the
    /// courier is told when there is again. Attempts at suspect outputs get at most half of the
    /// room, so that those which time out leave some for the others.
    pub(crate) fn begin(
        &self,
        courier: &mpsc::UnboundedSender<ToCourier>,
        key: CursorKey,
        due: &Due,
        suspect: bool,
    ) -> Option<(u64, Span)> {
        let mut table = self.table();
        let in_flight = u32::try_from(table.in_flight.len()).unwrap_or(u32::MAX);
        let room = in_flight < self.credits && (!suspect || table.suspect < (self.credits / 2).max(1));
        if table.closed {
            return None;
        }
        if !room {
            let waiting = if suspect { &mut table.suspects_waiting } else { &mut table.waiting };
            if !waiting.iter().any(|w| w.same_channel(courier)) {
                waiting.push_back(courier.clone());
            }
            return None;
        }
        table.last_number += 1;
        table.suspect += u32::from(suspect);
        let number = table.last_number;
        let (event, span) = (due.event(), trace::attempt(&key, due));
        table.in_flight.insert(number, InFlight { courier: courier.clone(), key, event, suspect, span: span.clone() });
        Some((number, span))
    }

    /// Gives back the room of an attempt that was not handed over.
    pub(crate) fn withdraw(&self, key: &CursorKey, event: EventId) {
        let mut table = self.table();
        let number = table.in_flight.iter().find(|(_, f)| f.event == event && f.key == *key).map(|(n, _)| *n);
        if let Some(InFlight { span, .. }) = number.and_then(|number| table.take(number)) {
            trace::given_up(&span, "withdrawn");
        }
    }

    /// Takes in what the agent says once the session is open.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when it breaks the protocol.
    pub(crate) fn hear(&self, message: FromAgent) -> Result<(), Status> {
        match message.message {
            Some(from_agent::Message::Outcome(mut report)) => {
                let outcome = report.outcome().map_err(|e| Status::invalid_argument(e.to_string()))?;
                let reason = (outcome == Outcome::NotAllowed).then_some(Reason::NotAllowedByAgent);
                let answer = report.take_answer().map(Box::new);
                let ended = Ended { outcome, duration_ms: report.duration_ms, reason, answer };
                let reported = self.report(report.number, ended);
                reported.map_err(|_| Status::invalid_argument("an outcome for nothing that is in flight"))
            }
            Some(from_agent::Message::Leave(Leave { given_back })) if given_back.is_empty() && self.is_closed() => {
                Err(Status::invalid_argument("it leaves again, and gives nothing back"))
            }
            Some(from_agent::Message::Leave(Leave { given_back })) => {
                let left = self.leave(&given_back);
                left.map_err(|_| Status::invalid_argument("something was given back that is not in flight"))
            }
            Some(from_agent::Message::Heartbeat(_)) => Ok(()),
            Some(from_agent::Message::Hello(_)) => Err(Status::invalid_argument("a second hello")),
            None => Err(Status::invalid_argument("a message of an unknown kind")),
        }
    }

    /// Tells the courier how an attempt ended.
    ///
    /// # Errors
    /// [`NotInFlight`].
    pub(crate) fn report(&self, number: u64, ended: Ended) -> Result<(), NotInFlight> {
        let InFlight { courier, event, span, .. } = self.table().take(number).ok_or(NotInFlight)?;
        trace::ended(&span, &ended);
        // A courier that has ended gave the event back already.
        let _ = courier.send(ToCourier::Finished(event, ended));
        Ok(())
    }

    /// The agent is about to stop: it begins nothing more, and these are for others.
    ///
    /// # Errors
    /// [`NotInFlight`].
    fn leave(&self, given_back: &[u64]) -> Result<(), NotInFlight> {
        let mut table = self.table();
        table.close();
        for number in given_back {
            table.take(*number).ok_or(NotInFlight)?.lose("given back");
        }
        Ok(())
    }

    /// Whether it begins nothing more.
    pub(crate) fn is_closed(&self) -> bool {
        self.table().closed
    }

    /// The client has received these webhooks; what it does with them it does not say here.
    pub(crate) fn received(&self, numbers: &[u64]) {
        for number in numbers {
            // One that was reported over REST is no longer in flight.
            let Some(InFlight { courier, event, span, .. }) = self.table().take(*number) else { continue };
            trace::given_up(&span, "received");
            let _ = courier.send(ToCourier::Received(event));
        }
    }

    /// The number of the attempt at this delivery that is in flight.
    pub(crate) fn number_of(&self, event: EventId, output: OutputId) -> Option<u64> {
        let table = self.table();
        table.in_flight.iter().find(|(_, f)| f.event == event && f.key.output == output).map(|(number, _)| *number)
    }

    /// Whether the attempt of this number is in flight.
    pub(crate) fn is_in_flight(&self, number: u64) -> bool {
        self.table().in_flight.contains_key(&number)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.table().in_flight.len()
    }

    /// Tells every courier that what this session had in flight is lost, in the order in which it
    /// began: a courier that has another session begins with what it hears of first.
    pub(crate) fn close(&self) {
        let mut table = self.table();
        table.close();
        for lost in std::mem::take(&mut table.in_flight).into_values() {
            lost.lose("lost");
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    fn lose(self, why: &'static str) {
        trace::given_up(&self.span, why);
        let _ = self.courier.send(ToCourier::Lost(self.event));
    }
}

impl Table {
    fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
        self.suspects_waiting.clear();
    }

    /// Takes an attempt out, and lets couriers that wait know that there is room.
    fn take(&mut self, number: u64) -> Option<InFlight> {
        let taken = self.in_flight.remove(&number)?;
        self.suspect -= u32::from(taken.suspect);
        // That of a suspect output may still find no room; the others must not wait behind it.
        for waiting in [&mut self.waiting, &mut self.suspects_waiting] {
            if let Some(courier) = waiting.pop_front() {
                let _ = courier.send(ToCourier::Room);
            }
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
