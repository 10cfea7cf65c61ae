//! Someone who sends webhooks.

use std::net::SocketAddr;
use std::time::Duration;

use model::InputId;

use crate::http::{Answer, Connection, Trust};

/// How long a sender of numbers waits for an answer: what senders of webhooks commonly do.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Sends webhooks over one connection, which it opens when it needs one and keeps while it can.
pub struct Caller {
    address: SocketAddr,
    trust: Option<Trust>,
    connection: Option<Connection>,
}

impl Caller {
    /// Calls this address.
    pub fn new(address: SocketAddr, trust: Option<Trust>) -> Self {
        Self { address, trust, connection: None }
    }

    /// Sends exactly these bytes, one request of that method, and reads the answer. The
    /// connection is closed afterwards.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&mut self, method: &str, bytes: &[u8]) -> anyhow::Result<Answer> {
        let mut connection = self.open().await?;
        connection.send(bytes).await?;
        connection.answer(method).await
    }

    /// POSTs a body to an input.
    ///
    /// # Errors
    /// When there is no answer; the webhook may have been taken all the same.
    pub async fn post(&mut self, input: InputId, body: &[u8]) -> anyhow::Result<Answer> {
        let mut request = format!(
            "POST /v1/webhooks/{input} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.exchange(&request).await
    }

    /// Opens the connection that it will send over, unless it has one.
    ///
    /// # Errors
    /// When nobody listens: then nothing was sent.
    pub async fn connect(&mut self) -> std::io::Result<()> {
        if self.connection.is_none() {
            self.connection = Some(self.open().await?);
        }
        Ok(())
    }

    /// POSTs a body that is this number; returns the status, or none without an answer.
    pub async fn post_number(&mut self, input: InputId, number: u64) -> Option<u16> {
        let body = number.to_string();
        let answer = tokio::time::timeout(ANSWER_WAIT, self.post(input, body.as_bytes())).await;
        answer.ok()?.ok().map(|answer| answer.status)
    }

    /// Sends a whole POST over the kept connection.
    ///
    /// # Errors
    /// When there is no answer; the connection is then given up.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        connection.send(request).await?;
        let answer = connection.answer("POST").await?;
        let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.connection = (!closes).then_some(connection);
        Ok(answer)
    }

    /// Opens a connection of its own.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(&self) -> std::io::Result<Connection> {
        match &self.trust {
            Some(trust) => Connection::open_tls(self.address, trust).await,
            None => Connection::open(self.address).await,
        }
    }

    /// Where it calls.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
