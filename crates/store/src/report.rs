//! Tells dispatchers what a client said over REST about a delivery that it got over a WebSocket.

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use model::{EventId, OutputId};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Where it is told; the last part is the output.
const SUBJECTS: &str = "report.*";

/// What is told. Clones share the connection.
#[derive(Clone)]
pub struct Reports {
    client: Client,
}

/// A client said how a delivery ended, and so has received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The event.
    pub event: EventId,
    /// The output.
    pub output: OutputId,
}

/// Hears what is told.
pub struct Listener {
    messages: Subscriber,
}

impl Reports {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Tells every dispatcher. It is kept nowhere: the fact is what counts, this only spares the
    /// client a repetition.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tell(&self, report: &Report) -> Result<(), Error> {
        let subject = format!("report.{}", report.output.0.simple());
        let json = serde_json::to_vec(report).map_err(|e| Error::unreadable(&subject, e))?;
        let told = self.client.publish(subject, json.into()).await;
        told.map_err(|e| Error::unavailable("tell what was reported", e))
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn listen(&self) -> Result<Listener, Error> {
        let messages = self.client.subscribe(SUBJECTS).await;
        let messages = messages.map_err(|e| Error::unavailable("listen for reports", e))?;
        Ok(Listener { messages })
    }
}

impl Listener {
    /// The next report; `None` once the connection was given up. What cannot be read is passed over.
    pub async fn next(&mut self) -> Option<Report> {
        loop {
            let message = self.messages.next().await?;
            match serde_json::from_slice(&message.payload) {
                Ok(report) => return Some(report),
                Err(error) => tracing::warn!(%error, "a report cannot be read"),
            }
        }
    }
}
