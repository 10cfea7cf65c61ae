//! Keeps a session open: connects, reconnects, moves on when asked to.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use model::UnixMs;
use proto::v1;
use telemetry::Stop;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::credentials::{Credentials, Shown};
use super::live::{End, Live, With};
use super::open::{OpenError, Opened, open};
use super::transport::{Choice, Dialer};
use crate::health::Health;
use crate::server::{DialError, Server};
use crate::worker::Worker;

/// A session that was open for so long has lived: what follows is a new story.
const LIVED: Duration = Duration::from_secs(5);
/// Memory for deliveries that wait or are under way, in bytes, over all sessions. When it is
/// used up the agent stops listening, and the dispatcher waits.
const ROOM_BYTES: usize = 256 * 1024 * 1024;

/// What the agent subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Buckets by name or id; none means all within the token's scope.
    pub buckets: Vec<String>,
    /// The group whose work is shared; empty for the group of the token.
    pub group: String,
    /// How many attempts are made at once.
    pub credits: u32,
}

/// Why the agent gave up. Everything else is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Key and secret were refused, at the start or after they were revoked.
    #[error("the server refused the credentials: key or secret is wrong, or the token was revoked")]
    Refused,
    /// A bucket does not exist for this token, at the first connection.
    #[error("{0}")]
    NotFound(String),
    /// The way to the server is not safe.
    #[error(transparent)]
    Unsafe(DialError),
}

/// Keeps one session with the server open.
#[derive(Debug)]
pub struct Keeper {
    dialer: Dialer,
    subscription: Subscription,
    with: With,
    health: Health,
}

/// How it goes on after a try to open a session.
enum Tried {
    Open(Box<Opened>),
    AtOnce,
    Later,
}

/// How a session was left.
enum Left {
    /// It is being drained and needs a successor; it runs on by itself.
    Draining(JoinHandle<End>),
    /// It has ended.
    Ended(Option<End>),
}

impl Keeper {
    /// Will keep a session with `server`, whose deliveries go to `worker`.
    pub fn new(
        server: Server,
        transports: Choice,
        credentials: Credentials,
        subscription: Subscription,
        worker: Arc<Worker>,
        health: Health,
    ) -> Self {
        let room = Arc::new(Semaphore::new(ROOM_BYTES));
        let with = With { worker, credentials: Arc::new(credentials), room };
        Self { dialer: Dialer::new(server, transports), subscription, with, health }
    }

    /// Runs until `stop` is given and every session has said all it had to say.
    ///
    /// # Errors
    /// When trying again does not help.
    pub async fn run(&self, stop: &Stop) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        let mut was_open = false;
        let mut drained = FuturesUnordered::new();
        while !stop.is_given() {
            while let Some(Some(_)) = drained.next().now_or_never() {}
            let opened = match stop.or(self.try_open(was_open)).await {
                None => break,
                Some(tried) => match tried? {
                    Tried::Open(opened) => *opened,
                    Tried::AtOnce => continue,
                    Tried::Later => {
                        wait(&mut backoff, stop).await;
                        continue;
                    }
                },
            };
            was_open = true;
            let opened_at = Instant::now();
            let left = self.live(opened, stop).await;
            if opened_at.elapsed() >= LIVED {
                backoff.reset();
            }
            let is_orderly = match left {
                Left::Draining(session) => {
                    drained.push(session);
                    true
                }
                Left::Ended(Some(End::Closed)) => true,
                Left::Ended(Some(End::Refused)) => {
                    self.with.credentials.forget_token();
                    false
                }
                Left::Ended(Some(End::Status(_) | End::Silent | End::Violation(_)) | None) => false,
            };
            // Also a server that drains every session at once is not to be run down.
            if !is_orderly || opened_at.elapsed() < LIVED {
                wait(&mut backoff, stop).await;
            }
        }
        while drained.next().await.is_some() {}
        Ok(())
    }

    async fn try_open(&self, was_open: bool) -> Result<Tried, Error> {
        let (authorization, shown) = self.with.credentials.authorization(UnixMs::from(SystemTime::now()));
        let err = match self.open(&authorization).await {
            Ok(opened) => return Ok(Tried::Open(Box::new(opened))),
            Err(err) => err,
        };
        match (err, shown) {
            (OpenError::Refused, Shown::Token) => {
                self.with.credentials.forget_token();
                Ok(Tried::AtOnce)
            }
            (OpenError::Refused, Shown::Secret) => Err(Error::Refused),
            (OpenError::NotFound(text), _) if !was_open => Err(Error::NotFound(text)),
            (OpenError::Dial(err @ DialError::Plaintext(_)), _) => Err(Error::Unsafe(err)),
            (err @ OpenError::Violation(_), _) => {
                tracing::error!(error = &err as &dyn std::error::Error, "session refused by the agent");
                Ok(Tried::Later)
            }
            (err, _) => {
                tracing::warn!(error = &err as &dyn std::error::Error, "no session with the server yet, trying again");
                Ok(Tried::Later)
            }
        }
    }

    /// Opens a session by the first transport that gets through. Where none does, what went wrong
    /// with the first one is told.
    async fn open(&self, authorization: &str) -> Result<Opened, OpenError> {
        let mut first = None;
        for transport in self.dialer.transports() {
            match open(&self.dialer, *transport, authorization, self.hello()).await {
                Ok(opened) => {
                    if let Some(err) = &first {
                        let error = err as &dyn std::error::Error;
                        tracing::info!(transport = transport.name(), error, "the first choice of transport is blocked");
                    }
                    return Ok(opened);
                }
                Err(err) if err.may_be_the_transport() => {
                    first.get_or_insert(err);
                }
                Err(err) => return Err(err),
            }
        }
        Err(first.unwrap_or(OpenError::Closed))
    }

    /// Runs the session until it ends or needs a successor.
    async fn live(&self, opened: Opened, stop: &Stop) -> Left {
        let session = opened.welcome.session_id.clone();
        tracing::info!(session, buckets = opened.welcome.buckets.join(","), "session open");
        if let Some(token) = opened.welcome.session_token.clone() {
            self.with.credentials.renew(token);
        }
        let (drain, stop) = (Stop::new(), stop.clone());
        let live = Live::new(opened, self.with.clone());
        let open = self.health.session();
        let mut running = tokio::spawn({
            let drain = drain.clone();
            async move {
                let end = live.run(&stop, &drain).await;
                drop(open);
                log(&session, &end);
                end
            }
        });
        tokio::select! {
            ended = &mut running => Left::Ended(ended.ok()),
            () = drain.given() => {
                tracing::info!("the server asks for a session elsewhere");
                Left::Draining(running)
            }
        }
    }

    fn hello(&self) -> v1::Hello {
        let Subscription { buckets, group, credits } = self.subscription.clone();
        v1::Hello {
            mode: v1::Mode::Forward.into(),
            buckets,
            group,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            credits,
        }
    }
}

async fn wait(backoff: &mut Backoff, stop: &Stop) {
    let wait = backoff.next(rand::random());
    tracing::debug!(wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "waiting before the next session");
    stop.or(tokio::time::sleep(wait)).await;
}

fn log(session: &str, end: &End) {
    match end {
        End::Closed => tracing::info!(session, "session closed"),
        End::Violation(err) => {
            tracing::error!(session, error = err as &dyn std::error::Error, "session closed: protocol error");
        }
        End::Refused | End::Silent | End::Status(_) => {
            tracing::warn!(session, error = end as &dyn std::error::Error, "session lost");
        }
    }
}

#[cfg(test)]
mod tests;
