//! One attempt: a request to a destination, and how it ended.

use std::net::IpAddr;
use std::time::Duration;

use model::destination::Destination;
use model::fact::Outcome;
use tokio::time::{Instant, timeout_at};

use crate::body::Body;
use crate::connection::{Connection, Key, Lost};
use crate::head::Head;
use crate::pool::{IDLE_TIME_MAX, Pool};
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
    /// How long it may take, from the look-up of the name to the answer's status.
    pub timeout: Duration,
}

/// Makes requests; connections that stay open serve again.
#[derive(Debug)]
pub struct Client {
    tls: Tls,
    pool: Pool,
}

impl Client {
    /// A client that secures its connections with `tls`.
    pub fn new(tls: Tls) -> Self {
        Self { tls, pool: Pool::default() }
    }

    /// Makes the request, at an address for which `may_connect` holds, and says how it ended.
    ///
    /// The outcome is known with the answer's status; what becomes of the answer's body does not
    /// change it. Redirects are not followed. A request that is lost on a connection which had
    /// served before, without a byte of an answer, is made once more on a fresh one: the
    /// destination has most likely closed it while the request was on its way.
    pub async fn send(&self, request: Request, may_connect: impl Fn(IpAddr) -> bool) -> Outcome {
        let deadline = Instant::now() + request.timeout;
        let destination = &request.destination;
        let key = Key {
            tls: destination.tls,
            host: destination.host.clone(),
            port: destination.port,
            verify: request.verify,
        };
        let asked = self.ask(&key, &request.head, request.body, &may_connect);
        match timeout_at(deadline, asked).await {
            Err(_) => Outcome::TimedOut,
            Ok(Err(outcome)) => outcome,
            Ok(Ok((connection, answer))) => {
                let status = answer.status().as_u16();
                if let Some(connection) = connection.finish(answer.into_body(), deadline).await {
                    self.pool.put(key, connection, Instant::now());
                }
                Outcome::Answered(status)
            }
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
        may_connect: &impl Fn(IpAddr) -> bool,
    ) -> Result<(Connection, http::Response<hyper::body::Incoming>), Outcome> {
        // A body that still arrives cannot be sent twice, so it goes over a fresh connection.
        if let Some(body) = body.again()
            && let Some(mut connection) = self.reused(key, may_connect).await
        {
            match connection.send(head, body).await {
                Ok(answer) => return Ok((connection, answer)),
                Err(Lost { unanswered: true }) => {}
                Err(Lost { unanswered: false }) => return Err(Outcome::Broken),
            }
        }
        let mut connection = Connection::open(key, &self.tls, may_connect).await?;
        match connection.send(head, body).await {
            Ok(answer) => Ok((connection, answer)),
            Err(Lost { .. }) => Err(Outcome::Broken),
        }
    }

    async fn reused(&self, key: &Key, may_connect: &impl Fn(IpAddr) -> bool) -> Option<Connection> {
        loop {
            let mut connection = self.pool.take(key, may_connect, Instant::now())?;
            if connection.is_ready().await {
                return Some(connection);
            }
        }
    }
}

#[cfg(test)]
mod tests;
