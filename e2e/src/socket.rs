//! A client of the public socket, that says exactly what a test makes it say.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::api::Token;
use crate::wait::PATIENCE;

/// A connection to `/v1/socket`.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Whether it answers pings, as clients do.
    pub pongs: bool,
}

/// What a server sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A frame.
    Frame(Value),
    /// The end, with the code of the close frame.
    Closed(Option<u16>),
}

impl Socket {
    /// Connects, and says nothing yet.
    ///
    /// # Errors
    /// When no WebSocket comes of it.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (stream, _) = client_async(format!("ws://{address}/v1/socket"), stream).await.context("open a socket")?;
        Ok(Self { stream, pongs: true })
    }

    /// Connects, authenticates, and subscribes to these buckets.
    ///
    /// # Errors
    /// When the answers are others than clients expect.
    pub async fn subscribed(address: SocketAddr, token: &Token, buckets: &Value) -> anyhow::Result<Self> {
        let mut socket = Self::open(address).await?;
        socket.authenticate(token).await?;
        socket.subscribe(&json!({"action": "subscribe", "buckets": buckets})).await?;
        Ok(socket)
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn say(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(frame.to_string())).await?)
    }

    /// Authenticates.
    ///
    /// # Errors
    /// When the answer is not that it is authenticated.
    pub async fn authenticate(&mut self, token: &Token) -> anyhow::Result<()> {
        self.say(&json!({"action": "auth", "key": token.key, "secret": token.secret})).await?;
        let answer = self.hear().await?;
        match &answer {
            Heard::Frame(frame) if frame["type"] == "status" && frame["status"] == "authenticated" => Ok(()),
            other => bail!("not authenticated: {other:?}"),
        }
    }

    /// Sends a subscription; returns the message of the answer.
    ///
    /// # Errors
    /// When the answer is not that it is subscribed.
    pub async fn subscribe(&mut self, frame: &Value) -> anyhow::Result<String> {
        self.say(frame).await?;
        loop {
            match self.hear().await? {
                Heard::Frame(frame) if frame["status"] == "subscribed" => {
                    return Ok(frame["message"].as_str().context("no message")?.to_owned());
                }
                Heard::Frame(frame) if frame["status"] == "ping" => {}
                other => bail!("not subscribed: {other:?}"),
            }
        }
    }

    /// The next frame, or the end. Pings are answered when it does so.
    ///
    /// # Errors
    /// When nothing comes, or something that is no JSON.
    pub async fn hear(&mut self) -> anyhow::Result<Heard> {
        loop {
            let message = timeout(PATIENCE, self.stream.next()).await.context("wait for a frame")?;
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => return Ok(Heard::Closed(frame.map(|frame| frame.code.into()))),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Ok(Heard::Closed(None)),
            };
            let frame: Value = serde_json::from_str(&text)?;
            if frame["status"] == "ping" && self.pongs {
                // As one of the clients does: every field, always.
                self.say(&json!({"action": "pong", "key": "", "secret": "", "buckets": null})).await?;
            }
            return Ok(Heard::Frame(frame));
        }
    }

    /// The next webhook, over the pings before it.
    ///
    /// # Errors
    /// When something else comes.
    pub async fn webhook(&mut self) -> anyhow::Result<Value> {
        loop {
            match self.hear().await? {
                Heard::Frame(frame) if frame["type"] == "webhook" => return Ok(frame),
                Heard::Frame(frame) if frame["status"] == "ping" => {}
                other => bail!("no webhook: {other:?}"),
            }
        }
    }

    /// Closes, and waits until the server has done so too.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn close(mut self) -> anyhow::Result<()> {
        self.stream.close(None).await?;
        while let Some(Ok(_)) = timeout(PATIENCE, self.stream.next()).await.context("wait for the end")? {}
        Ok(())
    }

    /// The code of the close frame that ends the connection, over whatever comes before it.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn closed(&mut self) -> anyhow::Result<Option<u16>> {
        loop {
            if let Heard::Closed(code) = self.hear().await? {
                return Ok(code);
            }
        }
    }
}
