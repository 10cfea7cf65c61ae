//! Makes the attempts that the sessions ask for, and reports how they ended.
//!
//! - [`Job`] is one attempt to make; its [`Ticket`] leads back to the session that asked.
//! - `Lanes` start the first attempts of each output in order; retries and other outputs don't wait.
//! - `request` turns a delivery into a request, as far as the owner's list allows.
//! - [`Exec`] runs a command instead, where the agent's owner has chosen that.
//! - `trace` makes the span of an attempt.
//! - `Ledger` knows which attempts are under way or were made but perhaps never reported, so
//!   that a delivery which comes again after a session was lost is not made twice. It is not
//!   needed for correctness: delivery is at least once.

use std::sync::Arc;
use std::time::Duration;

use model::answer::Answer;
use model::fact::Outcome;
use outbound::{Body, Client};
use telemetry::Stop;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::allow::Allow;

mod exec;
mod job;
pub mod lanes;
pub mod ledger;
mod request;
mod trace;

pub use exec::Exec;
pub use job::{Attempt, Delivery, Ended, Job, Report, Ticket};

use lanes::Lanes;
use ledger::{Begun, Ledger};

/// How attempts are made. Its owner has chosen; no server can change it.
#[derive(Debug)]
pub enum Relayer {
    /// By HTTP requests, where the owner's list allows them.
    Http(Box<Client>, Allow),
    /// By running a command.
    Exec(Exec),
}

/// Makes attempts, for any number of sessions.
#[derive(Debug)]
pub struct Worker {
    relayer: Relayer,
    lanes: Lanes<Job>,
    ledger: Ledger,
    tasks: TaskTracker,
    stop: Stop,
    abort: Stop,
}

impl Worker {
    /// A worker that makes attempts this way.
    pub fn new(relayer: Relayer) -> Arc<Self> {
        Arc::new(Self {
            relayer,
            lanes: Lanes::default(),
            ledger: Ledger::default(),
            tasks: TaskTracker::new(),
            stop: Stop::new(),
            abort: Stop::new(),
        })
    }

    /// Takes a job. Its ticket tells how it ended, or that it was given up.
    pub fn take(self: &Arc<Self>, job: Job) {
        if self.stop.is_given() {
            return;
        }
        let worker = self.clone();
        if job.delivery.attempt.number > 1 {
            self.tasks.spawn(async move { worker.attempt(job).await });
        } else if let Some(output) = self.lanes.push(job.delivery.attempt.output, job) {
            self.tasks.spawn(async move {
                let make = |job| {
                    let worker = worker.clone();
                    async move { worker.attempt(job).await }
                };
                worker.lanes.run(output, make, &worker.tasks).await;
            });
        }
    }

    /// A session was lost after it had reported this: the dispatcher may not have got it.
    pub fn remember(&self, report: Ended) {
        self.ledger.remember(report, Instant::now());
    }

    /// Closes connections that nobody needs; never returns.
    pub async fn run(&self) {
        match &self.relayer {
            Relayer::Http(client, _) => client.run().await,
            Relayer::Exec(_) => std::future::pending().await,
        }
    }

    /// Stops taking jobs, gives up those that have not started, and waits for the others;
    /// what is not over after `grace` is given up.
    pub async fn finish(&self, grace: Duration) {
        self.stop.give();
        self.lanes.clear();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(attempts = self.tasks.len(), "attempts were given up, they took longer than the grace");
            self.abort.give();
            self.tasks.wait().await;
        }
    }

    async fn attempt(self: Arc<Self>, job: Job) {
        // Dropped when aborted; its ticket says so.
        let _ = self.abort.or(self.attempt_until_over(job)).await;
    }

    async fn attempt_until_over(&self, job: Job) {
        let Job { delivery, body, ticket, room: _room } = job;
        let attempt = delivery.attempt;
        let Begun::Here(under_way) = self.ledger.begin(attempt, ticket, Instant::now()) else { return };
        let started = Instant::now();
        let span = trace::request(&attempt, delivery.trace.as_ref());
        let (outcome, answer) = self.relayer.relay(*delivery, body).await;
        trace::ended(&span, outcome);
        drop(span);
        let duration_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        log(attempt, outcome, duration_ms);
        under_way.finish(Ended { attempt, outcome, duration_ms, answer }, Instant::now());
    }
}

impl Relayer {
    async fn relay(&self, delivery: Delivery, body: Body) -> (Outcome, Option<Arc<Answer>>) {
        let (client, allow) = match self {
            Self::Http(client, allow) => (client, allow),
            Self::Exec(exec) => return (exec.run(delivery, body).await, None),
        };
        let Attempt { event, output, .. } = delivery.attempt;
        match request::make(delivery, body, allow) {
            Ok((request, permit)) => {
                let finished = client.send(request, &permit).await;
                (finished.outcome, finished.answer.map(Arc::new))
            }
            Err(reason) => {
                tracing::warn!(%event, %output, %reason, "attempt not allowed");
                (Outcome::NotAllowed, None)
            }
        }
    }
}

fn log(Attempt { event, output, number: attempt }: Attempt, outcome: Outcome, duration_ms: u32) {
    match outcome {
        Outcome::Answered(status @ 200..=299) => {
            tracing::debug!(%event, %output, attempt, status, duration_ms, "attempt answered");
        }
        Outcome::Answered(status) => tracing::info!(%event, %output, attempt, status, duration_ms, "attempt answered"),
        Outcome::Refused | Outcome::NotConnected | Outcome::TimedOut | Outcome::Broken | Outcome::NotAllowed => {
            tracing::info!(%event, %output, attempt, ?outcome, duration_ms, "attempt failed")
        }
    }
}

#[cfg(test)]
mod tests;
