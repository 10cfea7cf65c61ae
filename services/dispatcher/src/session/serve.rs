//! The task behind a session: reads what the agent says, keeps the subscription current, and ends
//! the session when its time has come.

use std::sync::Arc;
use std::time::Duration;

use crypto::Secret;
use futures_util::StreamExt;
use model::UnixMs;
use proto::v1::to_agent::Message;
use proto::v1::{self, FromAgent, from_agent};
use store::directory::Key;
use store::presence::SessionSeen;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tonic::Status;
use tracing::{debug, info};

use super::beats::{BEATS_MAX, Beats};
use super::open::Inbound;
use super::subscription::Subscription;
use super::{AgentLine, HEARTBEAT, Session, said, send};
use crate::gate::{self, Identity};
use crate::hub::Hub;
use crate::{DRAIN_MAX, clock};

/// How long the last word to an agent that does not read may take.
pub(super) const LAST_WORD_WAIT: Duration = Duration::from_secs(2);
/// The wait before a group that could not be noted is tried again.
const NOTE_AGAIN: Duration = Duration::from_secs(5);
/// The wait before a session token that could not be renewed is asked for again.
const RENEW_AGAIN: Duration = Duration::from_secs(30);

/// An open session.
pub(super) struct Served {
    hub: Hub,
    session: Arc<Session>,
    line: AgentLine,
    identity: Identity,
    inbound: Inbound,
    subscription: Subscription,
    /// What others are told of it.
    seen: SessionSeen,
    changes: broadcast::Receiver<Key>,
    heard: Instant,
    beats: Beats,
    renew_at: Instant,
    /// When a group that could not be noted is tried again.
    note_at: Option<Instant>,
}

impl Served {
    /// Says welcome. The agent gets events once [`Served::run`] runs.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when its token no longer counts; `NOT_FOUND` for a bucket that does not exist
    /// for it; `UNAVAILABLE` when nobody can say; `CANCELLED` when it is gone already.
    pub(super) async fn open(
        hub: Hub,
        session: Arc<Session>,
        line: AgentLine,
        identity: Identity,
        hello: v1::Hello,
        peer: String,
        inbound: Inbound,
    ) -> Result<Self, Status> {
        let changes = hub.store().directory().changes();
        // What changed while its hello was awaited is not among those.
        check_token(&hub, &identity)?;
        let subscribe =
            || Subscription::new(hub.clone(), Arc::clone(&session), identity.clone(), &hello.group, &hello.buckets);
        let subscription = match subscribe() {
            Ok(subscription) => subscription,
            // The bucket may have been made a moment ago.
            Err(_) => {
                let caught_up = hub.store().directory().catch_up().await;
                caught_up.map_err(|_| Status::unavailable("whether there are such buckets cannot be said now"))?;
                subscribe()?
            }
        };
        let welcome = v1::Welcome {
            session_id: session.id().to_string(),
            heartbeat_ms: u32::try_from(HEARTBEAT.as_millis()).unwrap_or(u32::MAX),
            buckets: subscription.bucket_names(),
            session_token: identity.session_token.clone().map(session_token),
            hears_leave: true,
        };
        send(&line, Message::Welcome(welcome)).await.map_err(|_| Status::cancelled("the agent is gone"))?;
        info!(session = %session.id(), token = %identity.token, version = hello.agent_version.as_str(), "a session opened");
        let renew_at = match &identity.session_token {
            Some((_, expires_at)) => half_way(*expires_at),
            // It came with a session token of unknown age.
            None => Instant::now(),
        };
        let seen = SessionSeen {
            id: session.id(),
            account: identity.account,
            token: identity.token,
            kind: "agent".to_owned(),
            version: hello.agent_version,
            peer,
            buckets: subscription.bucket_names(),
            group: subscription.group_name().to_owned(),
            since: clock::now(),
        };
        let heard = Instant::now();
        let (beats, note_at) = (Beats::new(heard), None);
        Ok(Self { hub, session, line, identity, inbound, subscription, seen, changes, heard, beats, renew_at, note_at })
    }

    /// Serves the session until it ends.
    pub(super) async fn run(mut self) {
        let end = self.serve().await;
        self.session.close();
        self.subscription.end();
        self.hub.presence().session_gone(self.session.id());
        info!(session = %self.session.id(), reason = end.message(), "a session ended");
        // An agent that does not read must not keep us.
        let _ = timeout(LAST_WORD_WAIT, self.line.send(Err(end))).await;
        gate::note_end(&self.hub, &self.identity);
    }

    async fn serve(&mut self) -> Status {
        self.bring_up_to_date().await;
        let stop = self.hub.stop().clone();
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                // The agent speaks.
                message = self.inbound.next() => self.heard(message),
                // What people configured has changed.
                change = self.changes.recv() => self.changed(change).await,
                // Both sides show that they are alive.
                _ = heartbeat.tick() => self.beat(),
                // The agent has not.
                () = sleep_until(self.heard + 2 * HEARTBEAT) => {
                    Err(Status::deadline_exceeded("nothing was heard for two heartbeats"))
                }
                // A group could not be noted.
                () = sleep_until(self.note_at.unwrap_or(self.heard)), if self.note_at.is_some() => {
                    self.bring_up_to_date().await;
                    Ok(())
                }
                // The session token is half through its time.
                () = sleep_until(self.renew_at) => Box::pin(self.renew()).await,
                // The dispatcher is about to stop.
                () = stop.given() => return self.drain().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    fn heard(&mut self, message: Option<Result<FromAgent, Status>>) -> Result<(), Status> {
        let message = message.ok_or_else(|| Status::cancelled("the agent closed the session"))??;
        self.heard = Instant::now();
        // Everything else that may be said is about a delivery.
        let is_beat = matches!(message.message, Some(from_agent::Message::Heartbeat(_)));
        if is_beat && !self.beats.may_come(self.heard) {
            return Err(Status::invalid_argument(format!("more than {BEATS_MAX} heartbeats in the time of one")));
        }
        let was_closed = self.session.is_closed();
        self.session.hear(message)?;
        if self.session.is_closed() && !was_closed {
            self.subscription.leaving();
        }
        Ok(())
    }

    async fn changed(&mut self, change: Result<Key, RecvError>) -> Result<(), Status> {
        match change {
            Ok(key) if !self.subscription.concerns(&key) => return Ok(()),
            // One that lagged looks at everything.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(Status::unavailable("the directory is gone")),
        }
        check_token(&self.hub, &self.identity)?;
        self.bring_up_to_date().await;
        Ok(())
    }

    async fn bring_up_to_date(&mut self) {
        // In a box, as all that is rare and large: every idle session would carry room for it.
        let is_whole = Box::pin(self.subscription.bring_up_to_date()).await;
        self.note_at = (!is_whole).then(|| Instant::now() + NOTE_AGAIN);
        self.seen.buckets = self.subscription.bucket_names();
        self.hub.presence().session(self.seen.clone());
    }

    fn beat(&self) -> Result<(), Status> {
        // When the queue to the agent is full it hears from us anyway, once it reads.
        let _ = self.line.try_send(said(Message::Heartbeat(v1::Heartbeat {})));
        Ok(())
    }

    async fn renew(&mut self) -> Result<(), Status> {
        match gate::renew(self.hub.store(), &self.identity).await {
            Some((token, expires_at)) => {
                self.renew_at = half_way(expires_at);
                let renewed = Message::SessionToken(session_token((token, expires_at)));
                let _ = self.line.try_send(said(renewed));
            }
            None => {
                debug!(session = %self.session.id(), "no new session token could be had");
                self.renew_at = Instant::now() + RENEW_AGAIN;
            }
        }
        Ok(())
    }

    /// Lets the agent finish what it has, and hears how that ended.
    async fn drain(&mut self) -> Status {
        let _ = timeout(LAST_WORD_WAIT, send(&self.line, Message::Drain(v1::Drain {}))).await;
        let end = Instant::now() + DRAIN_MAX;
        while self.session.in_flight() > 0 {
            let message = tokio::select! {
                message = self.inbound.next() => message,
                () = sleep_until(end) => break,
            };
            if let Err(end) = self.heard(message) {
                return end;
            }
        }
        Status::unavailable("this dispatcher is about to stop")
    }
}

fn check_token(hub: &Hub, identity: &Identity) -> Result<(), Status> {
    if gate::still_counts(hub, identity) {
        return Ok(());
    }
    Err(Status::unauthenticated("the token was revoked or changed"))
}

fn session_token((token, expires_at): (Secret, UnixMs)) -> v1::SessionToken {
    v1::SessionToken { token: token.expose().to_owned(), expires_at_ms: expires_at.0 }
}

/// Half of the time that is left until then.
fn half_way(expires_at: UnixMs) -> Instant {
    Instant::now() + expires_at.since(clock::now()) / 2
}
