//! Runs an open session until it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outbound::{Body, BodySink, Piece};
use proto::v1;
use telemetry::Stop;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::{Code, Status};

use super::credentials::Credentials;
use super::open::Opened;
use super::state::{State, Step, Violation};
use super::transport::Incoming;
use super::unsure::Unsure;
use crate::worker::{Delivery, Job, Report, Ticket, Worker};

/// How long the dispatcher may take to end a session whose agent has said all it had to say.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(5);

/// An open session.
#[derive(Debug)]
pub(super) struct Live {
    state: State,
    outgoing: mpsc::Sender<v1::FromAgent>,
    incoming: Incoming,
    with: With,
    /// Ends of bodies that are still arriving.
    bodies: HashMap<u64, BodySink>,
    unsure: Unsure,
    is_draining: bool,
    hears_leave: bool,
    has_left: bool,
}

/// What a session works with.
#[derive(Clone, Debug)]
pub(super) struct With {
    pub(super) worker: Arc<Worker>,
    pub(super) credentials: Arc<Credentials>,
    /// Memory for deliveries, shared by all sessions; a permit is a byte.
    pub(super) room: Arc<Semaphore>,
}

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// All was said.
    #[error("the session was closed")]
    Closed,
    /// The token was revoked, or the session token ended.
    #[error("the server ended the session: credentials no longer accepted")]
    Refused,
    #[error("the server ended the session: {:?}: {}", .0.code(), .0.message())]
    Status(Status),
    #[error("the server was silent for too long")]
    Silent,
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// What waits until there is room for it.
#[derive(Debug)]
enum Waiting {
    Delivery(Box<Delivery>),
    Piece { number: u64, data: Bytes, is_last: bool },
}

impl Live {
    pub(super) fn new(opened: Opened, with: With) -> Self {
        let Opened { state, welcome, outgoing, incoming } = opened;
        let (bodies, unsure, hears_leave) = (HashMap::new(), Unsure::default(), welcome.hears_leave);
        Self { state, outgoing, incoming, with, bodies, unsure, is_draining: false, hears_leave, has_left: false }
    }

    /// Runs until the session ends. When the dispatcher asks for a session elsewhere, `drain` is
    /// given, and the session goes on until the dispatcher has heard all it waits for and ends it.
    /// When `stop` is given no further deliveries are taken, what has not begun is given back, and the
    /// session ends when nothing is under way.
    pub(super) async fn run(mut self, stop: &Stop, drain: &Stop) -> End {
        let (reports_tx, mut reports) = mpsc::unbounded_channel();
        let end = self.talk(&reports_tx, &mut reports, stop, drain).await;
        // Reports that the loop had no time for are as unsure as those that it sent.
        reports.close();
        while let Ok(report) = reports.try_recv() {
            if let Some(ended) = report.ended {
                self.unsure.add(ended, Instant::now());
            }
        }
        let Self { outgoing, incoming, with, unsure, .. } = self;
        // Also where all was said: the connection may have gone before the dispatcher had it all.
        for ended in unsure.into_lost(Instant::now()) {
            with.worker.remember(ended);
        }
        match end {
            End::Closed => say_goodbye(outgoing, incoming).await,
            end => end,
        }
    }

    async fn talk(
        &mut self,
        reports_tx: &mpsc::UnboundedSender<Report>,
        reports: &mut mpsc::UnboundedReceiver<Report>,
        stop: &Stop,
        drain: &Stop,
    ) -> End {
        let mut heartbeat = self.heartbeat();
        let mut waiting: Option<Waiting> = None;
        let dead = tokio::time::sleep_until(self.dead_at());
        tokio::pin!(dead);
        loop {
            if stop.is_given() {
                if let Some(Waiting::Delivery(delivery)) = waiting.take_if(|next| next.is_delivery()) {
                    self.give_back(delivery.number);
                }
                if self.state.is_idle() {
                    return End::Closed;
                }
                self.leave();
            }
            tokio::select! {
                // The dispatcher says something; not heard while something waits for room.
                message = self.incoming.message(), if waiting.is_none() => {
                    match self.hear(message, stop, drain) {
                        Ok(next) => waiting = next.and_then(|next| self.try_take(next, reports_tx)),
                        Err(end) => return end,
                    }
                }
                // There is room for what waits.
                Some((ready, room)) = with_room(&self.with.room, &mut waiting) => {
                    self.state.heard(Instant::now());
                    self.take(ready, room, reports_tx);
                }
                // An attempt is over.
                Some(report) = reports.recv() => self.report(report, stop),
                // It is time for a sign of life.
                _ = heartbeat.tick() => self.beat(),
                // The dispatcher may be dead.
                () = &mut dead => {
                    if waiting.is_none() && Instant::now() >= self.dead_at() {
                        return End::Silent;
                    }
                    dead.as_mut().reset(self.dead_at().max(Instant::now() + Duration::from_millis(100)));
                }
                // The agent is to stop; what is under way is still reported.
                () = stop.given(), if !stop.is_given() => {}
            }
        }
    }

    fn hear(
        &mut self,
        message: Result<Option<v1::ToAgent>, Status>,
        stop: &Stop,
        drain: &Stop,
    ) -> Result<Option<Waiting>, End> {
        let message = match message {
            Ok(Some(message)) => message,
            Ok(None) | Err(_) if self.is_draining && self.state.is_idle() => return Err(End::Closed),
            Ok(None) => return Err(End::Status(Status::unavailable("the stream ended"))),
            Err(status) if status.code() == Code::Unauthenticated => return Err(End::Refused),
            Err(status) => return Err(End::Status(status)),
        };
        match self.state.receive(message, Instant::now())? {
            Step::Deliver(delivery) if stop.is_given() => {
                self.give_back(delivery.number);
            }
            Step::Deliver(delivery) => return Ok(Some(Waiting::Delivery(delivery))),
            Step::Piece { number, data, is_last } => return Ok(Some(Waiting::Piece { number, data, is_last })),
            Step::GiveUp { number } => {
                if let Some(body) = self.bodies.remove(&number) {
                    body.push(Piece::Broken);
                }
            }
            Step::Renewed(token) => self.with.credentials.renew(token),
            Step::Drain => {
                self.is_draining = true;
                drain.give();
            }
            Step::Opened(_) | Step::Nothing => {}
        }
        Ok(None)
    }

    /// Takes it, if there is room at once; else gives it back.
    fn try_take(&mut self, next: Waiting, reports: &mpsc::UnboundedSender<Report>) -> Option<Waiting> {
        match self.with.room.clone().try_acquire_many_owned(next.bytes()) {
            Ok(room) => {
                self.take(next, room, reports);
                None
            }
            Err(_) => Some(next),
        }
    }

    fn take(&mut self, next: Waiting, room: OwnedSemaphorePermit, reports: &mpsc::UnboundedSender<Report>) {
        match next {
            Waiting::Delivery(mut delivery) => {
                let number = delivery.number;
                let first = std::mem::take(&mut delivery.request.body);
                let body = if first.len() as u64 == delivery.request.body_bytes {
                    Body::whole(first)
                } else {
                    let (body, sink) = Body::in_pieces(first, delivery.request.body_bytes);
                    self.bodies.insert(number, sink);
                    body
                };
                let ticket = Ticket::new(number, reports.clone());
                self.with.worker.take(Job { delivery, body, ticket, room });
            }
            Waiting::Piece { number, data, is_last } => {
                let wanted = self.bodies.get(&number).is_some_and(|body| body.push(Piece::Data(data, room)));
                if is_last || !wanted {
                    self.bodies.remove(&number);
                }
            }
        }
    }

    fn report(&mut self, Report { number, ended }: Report, stop: &Stop) {
        self.bodies.remove(&number);
        if ended.is_none() && stop.is_given() {
            return self.give_back(number);
        }
        let (true, Some(ended)) = (self.state.finished(number), ended) else { return };
        let answer = ended.answer.as_deref().cloned();
        let outcome = v1::Outcome::new(number, ended.outcome, ended.duration_ms).with_answer(answer);
        self.unsure.add(ended, Instant::now());
        self.say(v1::from_agent::Message::Outcome(outcome));
    }

    /// Says that no further deliveries are taken, unless it was said.
    fn leave(&mut self) {
        if !self.has_left {
            self.say_leave(Vec::new());
        }
    }

    /// Gives back a delivery that is under way, for another agent to make.
    fn give_back(&mut self, number: u64) {
        if self.state.finished(number) {
            self.say_leave(vec![number]);
        }
    }

    fn say_leave(&mut self, given_back: Vec<u64>) {
        self.has_left = true;
        if self.hears_leave {
            self.say(v1::from_agent::Message::Leave(v1::Leave { given_back }));
        }
    }

    fn beat(&self) {
        self.say(v1::from_agent::Message::Heartbeat(v1::Heartbeat {}));
    }

    /// There is room for every outcome and for what is given back instead, so only heartbeats can find
    /// none; then enough is on its way.
    fn say(&self, message: v1::from_agent::Message) {
        let _ = self.outgoing.try_send(v1::FromAgent { message: Some(message) });
    }

    fn heartbeat(&self) -> Interval {
        let period = self.state.heartbeat().unwrap_or(Duration::from_secs(1));
        let mut interval = tokio::time::interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    }

    fn dead_at(&self) -> Instant {
        self.state.dead_at().unwrap_or_else(Instant::now)
    }
}

impl Waiting {
    fn is_delivery(&self) -> bool {
        matches!(self, Self::Delivery(_))
    }

    fn bytes(&self) -> u32 {
        let bytes = match self {
            Self::Delivery(delivery) => delivery.request.body.len(),
            Self::Piece { data, .. } => data.len(),
        };
        // Messages are far smaller.
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Waits until there is room, then takes out what waited; for ever when nothing does.
async fn with_room(room: &Arc<Semaphore>, waiting: &mut Option<Waiting>) -> Option<(Waiting, OwnedSemaphorePermit)> {
    let bytes = match waiting {
        Some(next) => next.bytes(),
        None => std::future::pending().await,
    };
    let room = room.clone().acquire_many_owned(bytes).await.ok()?;
    waiting.take().map(|next| (next, room))
}

/// Ends the agent's side and waits until the dispatcher has read all of it and ends its own.
async fn say_goodbye(outgoing: mpsc::Sender<v1::FromAgent>, mut incoming: Incoming) -> End {
    drop(outgoing);
    let ended = async { while let Ok(Some(_)) = incoming.message().await {} };
    let _ = tokio::time::timeout(GOODBYE_TIME_MAX, ended).await;
    End::Closed
}
