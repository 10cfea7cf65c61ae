//! What was received, made into the request of one attempt.

use std::time::Duration;

use model::destination::{Destination, InvalidDestination, PathEscapes};
use model::reason::Reason;
use model::{EventId, header, request};

use crate::body::Body;
use crate::client::{Keep, Request};
use crate::head::{Head, InvalidHead};

/// One attempt at forwarding an event: where it goes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The output's URL.
    pub url: &'a str,
    /// Whether the caller's extra path and query are left out.
    pub lock_path: bool,
    /// The output's own header lines.
    pub headers: &'a [(String, String)],
    /// Whether the destination's certificate must be right.
    pub verify: bool,
    /// How long it may take.
    pub timeout: Duration,
    /// What is kept of the answer.
    pub keep: Keep,
    /// The event.
    pub event: EventId,
    /// The attempt's number, from 1.
    pub attempt: u32,
}

/// Why no request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMade {
    /// The output's URL.
    #[error(transparent)]
    Destination(#[from] InvalidDestination),
    /// The caller's path.
    #[error(transparent)]
    Path(#[from] PathEscapes),
    /// The parts give no request.
    #[error(transparent)]
    Head(#[from] InvalidHead),
}

impl Forward<'_> {
    /// The request of this attempt at forwarding what was `received`, with its body.
    ///
    /// # Errors
    /// See [`NotMade`].
    pub fn request(&self, received: &request::Request, body: Body) -> Result<Request, NotMade> {
        let destination = Destination::parse(self.url)?;
        let target = destination.target(&received.extra_path, received.query.as_deref(), self.lock_path)?;
        let lines = header::forwarded(received, &destination.authority, self.headers, self.event, self.attempt);
        let head = Head::new(&received.method, &target, &lines, received.body_bytes)?;
        Ok(Request { destination, verify: self.verify, head, body, timeout: self.timeout, keep: self.keep })
    }
}

impl NotMade {
    /// The same, for the owner of the output.
    pub fn reason(self) -> Reason {
        match self {
            Self::Destination(_) => Reason::InvalidDestination,
            Self::Path(_) => Reason::PathEscapes,
            Self::Head(_) => Reason::NoRequest,
        }
    }
}
