//! What a session asks for, and the way back.

use std::sync::Arc;

use model::answer::Answer;
use model::fact::Outcome;
use model::request::Request;
use model::{EventId, OutputId};
use outbound::Body;
use proto::v1;
use telemetry::TraceParent;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Names an attempt, in whichever session it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The event.
    pub event: EventId,
    /// The output.
    pub output: OutputId,
    /// Which attempt at the delivery it is, from 1.
    pub number: u32,
}

/// One attempt that the dispatcher asks for.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The number by which the session reports it.
    pub number: u64,
    /// Which attempt it is.
    pub attempt: Attempt,
    /// The request as received; its body may be the beginning only.
    pub request: Request,
    /// Where it goes, and how.
    pub destination: v1::Destination,
    /// How much of the body of the answer is wanted, in bytes; 0 for none of the answer.
    pub answer_bytes_max: u32,
    /// The span of the attempt, where it is traced.
    pub trace: Option<TraceParent>,
}

/// One attempt to make.
#[derive(Debug)]
pub struct Job {
    /// What was asked for.
    pub delivery: Box<Delivery>,
    /// The whole body, if need be as it arrives.
    pub body: Body,
    /// The way back.
    pub ticket: Ticket,
    /// The memory that the delivery takes up.
    pub room: OwnedSemaphorePermit,
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Which attempt.
    pub attempt: Attempt,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// What the destination answered, if that was wanted.
    pub answer: Option<Arc<Answer>>,
}

impl Ended {
    /// The same without the answer, which is too large to remember.
    pub fn without_answer(self) -> Self {
        Self { answer: None, ..self }
    }
}

/// What a session hears of one of its deliveries.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The number of the delivery.
    pub number: u64,
    /// How it ended; `None` when it was given up without an outcome.
    pub ended: Option<Ended>,
}

/// The way back to the session that asked. Every ticket makes exactly one report.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    reports: Option<mpsc::UnboundedSender<Report>>,
}

impl Ticket {
    /// The ticket of a delivery; there are never more of them than the session granted credits.
    pub fn new(number: u64, reports: mpsc::UnboundedSender<Report>) -> Self {
        Self { number, reports: Some(reports) }
    }

    /// Whether the session is gone.
    pub fn is_orphaned(&self) -> bool {
        self.reports.as_ref().is_none_or(mpsc::UnboundedSender::is_closed)
    }

    /// Reports. `false`: the session is gone.
    pub fn report(mut self, ended: Ended) -> bool {
        let report = Report { number: self.number, ended: Some(ended) };
        self.reports.take().is_some_and(|reports| reports.send(report).is_ok())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(reports) = self.reports.take() {
            // A session that is gone need not know.
            let _ = reports.send(Report { number: self.number, ended: None });
        }
    }
}
