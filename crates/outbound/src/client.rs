//! One attempt: a request to a destination, and how it ended.

use std::time::Duration;

use model::answer::Answer;
use model::destination::Destination;
use model::fact::Outcome;
use model::reason::Reason;
use tokio::time::{Instant, timeout_at};

use crate::answer::{self, Kept};
use crate::body::Body;
use crate::connection::{Connection, Key, Lost};
use crate::guard::Guard;
use crate::head::Head;
use crate::pool::{IDLE_TIME_MAX, Pool};
use crate::resolver::Resolver;
use crate::tls::Tls;

/// A request to a destination.
#[derive(Debug)]
pub struct Request {
    /// Where it goes.
    pub destination: Destination,
    /// Whether the destination's certificate must be right.
    pub verify: bool,
    /// Its head.
    pub head: Head,
    /// Its body, of the size that the head says.
    pub body: Body,
    /// How long it may take, from the look-up of the name to the answer's status, or to the end of
    /// what is kept of it.
    pub timeout: Duration,
    /// What is kept of the answer.
    pub keep: Keep,
}

/// What is kept of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing but its status.
    Status,
    /// Header lines, and at most so many bytes of the body.
    Answer {
        /// How many.
        body_bytes_max: usize,
    },
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// In a word.
    pub outcome: Outcome,
    /// Why, where the outcome does not say.
    pub reason: Option<Reason>,
    /// The answer, if there was one and it was to be kept.
    pub answer: Option<Answer>,
}

/// Makes requests; connections that stay open serve again.
#[derive(Debug)]
pub struct Client {
    tls: Tls,
    resolver: Resolver,
    pool: Pool,
}

/// A connection on which an answer has begun.
struct Answering {
    connection: Connection,
    response: http::Response<hyper::body::Incoming>,
}

impl Client {
    /// A client that secures its connections with `tls` and finds addresses with `resolver`.
    pub fn new(tls: Tls, resolver: Resolver) -> Self {
        Self { tls, resolver, pool: Pool::default() }
    }

    /// Makes the request, at an address that `guard` lets through, and says how it ended.
    ///
    /// The outcome is known with the answer's status; what becomes of the answer's body does not
    /// change it. Redirects are not followed, and no proxy is taken from the environment. A request that is lost on a connection which had
    /// served before, without a byte of an answer, is made once more on a fresh one: the
    /// destination has most likely closed it while the request was on its way.
    pub async fn send(&self, request: Request, guard: &impl Guard) -> Finished {
        let deadline = Instant::now() + request.timeout;
        let destination = &request.destination;
        let key = Key {
            tls: destination.tls,
            host: destination.host.clone(),
            port: destination.port,
            verify: request.verify,
        };
        let keep = request.keep;
        let asked = self.ask(&key, &request.head, request.body, keep, guard);
        match timeout_at(deadline, asked).await {
            Err(_) => Outcome::TimedOut.into(),
            Ok(Err(finished)) => finished,
            Ok(Ok(answering)) => self.finish(key, answering, keep, deadline).await,
        }
    }

    /// Closes connections that nobody needs; never returns.
    pub async fn run(&self) {
        let mut every = tokio::time::interval(IDLE_TIME_MAX / 5);
        loop {
            self.pool.sweep(every.tick().await);
        }
    }

    async fn ask(
        &self,
        key: &Key,
        head: &Head,
        body: Body,
        keep: Keep,
        guard: &impl Guard,
    ) -> Result<Answering, Finished> {
        // A body that still arrives cannot be sent twice, so it goes over a fresh connection.
        if let Some(body) = body.again()
            && let Some(mut connection) = self.reused(key, guard).await
        {
            match connection.send(head, body, keep).await {
                Ok(response) => return Ok(Answering { connection, response }),
                Err(Lost { unanswered: true }) => {}
                Err(Lost { unanswered: false }) => return Err(Outcome::Broken.into()),
            }
        }
        let mut connection = Connection::open(key, &self.tls, &self.resolver, guard).await?;
        match connection.send(head, body, keep).await {
            Ok(response) => Ok(Answering { connection, response }),
            Err(Lost { .. }) => Err(Outcome::Broken.into()),
        }
    }

    /// Reads the rest of the answer and gives the connection back if it can serve again.
    async fn finish(&self, key: Key, answering: Answering, keep: Keep, deadline: Instant) -> Finished {
        let Answering { connection, response } = answering;
        let status = response.status().as_u16();
        let headers = connection.answer_headers();
        let body_bytes_max = match keep {
            Keep::Status => 0,
            Keep::Answer { body_bytes_max } => body_bytes_max,
        };
        let Kept { body, body_bytes, is_read } = answer::read(response.into_body(), body_bytes_max, deadline).await;
        if is_read && connection.can_serve_again() {
            self.pool.put(key, connection, Instant::now());
        }
        let answer = headers.map(|headers| Answer { status: status.into(), headers, body, body_bytes });
        Finished { outcome: Outcome::Answered(status), reason: None, answer }
    }

    async fn reused(&self, key: &Key, guard: &impl Guard) -> Option<Connection> {
        loop {
            let mut connection = self.pool.take(key, guard, Instant::now())?;
            if connection.is_ready().await {
                return Some(connection);
            }
        }
    }
}

impl Keep {
    /// At most so many bytes of the body; the status alone when there are to be none.
    pub fn up_to(body_bytes_max: usize) -> Self {
        match body_bytes_max {
            0 => Self::Status,
            body_bytes_max => Self::Answer { body_bytes_max },
        }
    }
}

impl Finished {
    /// An attempt that was not made.
    pub fn not_allowed(reason: Reason) -> Self {
        Self { outcome: Outcome::NotAllowed, reason: Some(reason), answer: None }
    }
}

impl From<Outcome> for Finished {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, reason: None, answer: None }
    }
}

#[cfg(test)]
mod tests;
