//! One connection of a client: it says who it is, then what it wants, and then webhooks come.

mod live;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use store::directory::Key;
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tonic::Code;
use tracing::info;

use self::live::Live;
use super::Outgoing;
use super::frame::{self, Credentials, FromClient, Status};
use super::pongs::Pongs;
use crate::gate::{self, Identity};
use crate::hub::Hub;
use crate::web_socket::Socket;

/// How often clients are pinged. The least patient of them waits 53 s.
const PING_EVERY: Duration = Duration::from_secs(27);
/// A client of which nothing was heard for so long is taken for gone: two pings and some.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long a client may take to say who it is.
const AUTH_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long one frame may take to be written.
const WRITE_MAX: Duration = Duration::from_secs(20);
/// How long a client may take for its last word.
const LAST_WORD_WAIT: Duration = Duration::from_secs(2);
/// The wait before cursors that could not be claimed are tried again.
const AGAIN_WAIT: Duration = Duration::from_secs(1);
/// How long nothing is written that makes a client write after it has written something itself. One of
/// the known clients writes from several threads at once, and breaks when an answer comes before its
/// own write has returned.
const BREATH: Duration = Duration::from_millis(20);
/// What clients close with when they are refused.
const CLOSE_UNAUTHORIZED: u16 = 4001;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The connection broke.
    Gone,
    /// The client has closed it, and is owed the answer to that.
    Closed,
    /// Its credentials are not good, or no longer.
    Unauthorized(String),
    /// It should come again later.
    Later(String),
    /// What it sent is no WebSocket, or too large; the code says which.
    Broken(u16, String),
    /// It does not keep to what was agreed.
    Policy(&'static str),
    /// The dispatcher is about to stop.
    Stopping,
}

/// Serves a connection until it ends.
pub(super) async fn run(hub: Hub, socket: Socket, peer: String) {
    let changes = hub.store().directory().changes();
    let mut served = Served {
        hub,
        socket,
        peer,
        identity: None,
        body_base64: false,
        live: None,
        pongs: Pongs::default(),
        changes,
        heard: Instant::now(),
        pinged: Instant::now(),
        ping_due: None,
    };
    let end = served.serve().await;
    if let Some(live) = served.live.take() {
        live.end(&served.hub);
    }
    info!(reason = end.reason(), "a socket ended");
    // A client that does not read must not keep us.
    let _ = timeout(LAST_WORD_WAIT, served.say_goodbye(end)).await;
    if let Some(identity) = &served.identity {
        gate::note_end(&served.hub, identity);
    }
}

struct Served {
    hub: Hub,
    socket: Socket,
    peer: String,
    identity: Option<Identity>,
    body_base64: bool,
    /// Present once the client has subscribed.
    live: Option<Live>,
    pongs: Pongs,
    changes: broadcast::Receiver<Key>,
    /// When the client last said something.
    heard: Instant,
    /// When it was last pinged for an answer.
    pinged: Instant,
    /// When it is to be pinged again.
    ping_due: Option<Instant>,
}

impl Served {
    async fn serve(&mut self) -> End {
        let stop = self.hub.stop().clone();
        let auth_by = Instant::now() + AUTH_WAIT_MAX;
        let mut again_at = Instant::now();
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_behind = self.live.as_ref().is_some_and(|live| !live.is_up_to_date());
            let ping_at = self.ping_due.map(|due| due.max(self.heard + BREATH).max(self.pinged + BREATH));
            let done = tokio::select! {
                // The client speaks.
                message = self.socket.next() => self.heard(message).await,
                // A webhook is to be written.
                Some(outgoing) = live::next(&mut self.live) => self.write_webhook(outgoing).await,
                // What people configured has changed.
                change = self.changes.recv() => self.changed(change).await,
                // The client hears that we are alive, and says the same.
                _ = ping.tick() => self.beat().await,
                // It is asked what it has received.
                () = sleep_until(ping_at.unwrap_or(again_at)), if ping_at.is_some() => self.ping().await,
                // Cursors that could not be claimed are tried again.
                () = sleep_until(again_at), if is_behind => {
                    again_at = Instant::now() + AGAIN_WAIT;
                    self.bring_up_to_date().await;
                    Ok(())
                }
                // It did not say who it is.
                () = sleep_until(auth_by), if self.identity.is_none() => Err(End::Policy("no credentials came")),
                // The dispatcher is about to stop.
                () = stop.given() => return self.drain().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn heard(&mut self, message: Option<tungstenite::Result<Message>>) -> Result<(), End> {
        let message = message.ok_or(End::Gone)?.map_err(|err| End::of(&err))?;
        self.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(End::Closed),
            // Nothing that any client says in such frames means anything.
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        match FromClient::read(&text) {
            FromClient::Auth(credentials) => self.authenticate(credentials).await,
            FromClient::Subscribe(buckets, body_base64) => self.subscribe(buckets, body_base64).await,
            FromClient::Pong => self.ponged().await,
            FromClient::Unknown => Ok(()),
        }
    }

    async fn authenticate(&mut self, credentials: Credentials) -> Result<(), End> {
        if self.identity.is_some() {
            return Ok(());
        }
        let Credentials { key, secret, body_base64 } = credentials;
        match gate::verify(self.hub.store(), &key, secret).await {
            Ok(identity) => self.identity = Some(identity),
            Err(status) if status.code() == Code::Unauthenticated => {
                return Err(End::Unauthorized(status.message().to_owned()));
            }
            Err(status) => return Err(End::Later(status.message().to_owned())),
        }
        self.body_base64 = body_base64.unwrap_or_default();
        sleep_until(self.heard + BREATH).await;
        self.say(Status::Authenticated, "connected successfully, subscribe to buckets").await
    }

    async fn subscribe(&mut self, buckets: Vec<String>, body_base64: Option<bool>) -> Result<(), End> {
        let Some(identity) = self.identity.clone() else {
            return Err(End::Unauthorized("authenticate before you subscribe".to_owned()));
        };
        // Subscribing again replaces what was subscribed to.
        if let Some(live) = self.live.take() {
            live.end(&self.hub);
            self.pongs.forget();
        }
        let in_base64 = body_base64.unwrap_or(self.body_base64);
        let live = Live::new(&self.hub, identity, self.peer.clone(), &buckets, in_base64);
        let message = live.message();
        // Before anything can go wrong: who has it ends it.
        self.live = Some(live);
        self.say(Status::Subscribed, &message).await?;
        self.bring_up_to_date().await;
        Ok(())
    }

    async fn ponged(&mut self) -> Result<(), End> {
        let (received, wants_ping) = self.pongs.ponged();
        if let Some(live) = &self.live {
            live.received(&received);
        }
        if wants_ping {
            self.ping_soon();
        }
        Ok(())
    }

    async fn write_webhook(&mut self, outgoing: Outgoing) -> Result<(), End> {
        let written = self.write(Message::text(outgoing.text)).await;
        drop(outgoing.taken);
        written?;
        // A proof is wanted soon: what has none is sent again when the connection breaks.
        let is_in_flight = |number| self.live.as_ref().is_some_and(|live| live.is_in_flight(number));
        if self.pongs.wrote(outgoing.number, is_in_flight) {
            self.ping_soon();
        }
        Ok(())
    }

    async fn changed(&mut self, change: Result<Key, RecvError>) -> Result<(), End> {
        match change {
            // One that lagged looks at everything.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(End::Later("the directory is gone".to_owned())),
        }
        let Some(identity) = &self.identity else { return Ok(()) };
        if !gate::still_counts(&self.hub, identity) {
            return Err(End::Unauthorized("the token was revoked or changed".to_owned()));
        }
        if self.live.as_ref().is_some_and(|live| change.as_ref().map_or(true, |key| live.concerns(key))) {
            self.bring_up_to_date().await;
        }
        Ok(())
    }

    async fn bring_up_to_date(&mut self) {
        if let Some(live) = &mut self.live {
            Box::pin(live.bring_up_to_date(&self.hub)).await;
        }
    }

    async fn beat(&mut self) -> Result<(), End> {
        if self.heard.elapsed() > SILENCE_MAX {
            return Err(End::Policy("nothing was heard for too long"));
        }
        // Libraries answer this one by themselves, whatever the client does with the other.
        self.write(Message::Ping(Bytes::new())).await?;
        if self.identity.is_some() {
            self.ping_soon();
        }
        Ok(())
    }

    fn ping_soon(&mut self) {
        self.ping_due.get_or_insert_with(Instant::now);
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.ping_due = None;
        self.pinged = Instant::now();
        self.say(Status::Ping, "ping").await?;
        self.pongs.pinged();
        Ok(())
    }

    /// Lets the client say what it has received.
    async fn drain(&mut self) -> End {
        let end = Instant::now() + LAST_WORD_WAIT;
        if self.pongs.wants_ping() && self.ping().await.is_err() {
            return End::Gone;
        }
        while self.live.as_ref().is_some_and(Live::has_in_flight) {
            let message = tokio::select! {
                message = self.socket.next() => message,
                () = sleep_until(end) => break,
            };
            if let Err(end) = self.heard(message).await {
                return end;
            }
        }
        End::Stopping
    }

    async fn say(&mut self, status: Status, message: &str) -> Result<(), End> {
        self.write(Message::text(frame::status(status, message))).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(WRITE_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn say_goodbye(&mut self, end: End) {
        let (code, reason) = match end {
            End::Gone => return,
            // Reading on writes what tungstenite has answered.
            End::Closed => {
                while let Some(Ok(_)) = self.socket.next().await {}
                return;
            }
            End::Unauthorized(reason) => {
                if self.say(Status::Unauthorized, &reason).await.is_err() {
                    return;
                }
                (CLOSE_UNAUTHORIZED, reason)
            }
            End::Broken(code, reason) => (code, reason),
            // The codes of RFC 6455, section 7.4.1, and of its registry.
            End::Later(reason) => (1013, reason),
            End::Policy(reason) => (1008, reason.to_owned()),
            End::Stopping => (1001, "this server is about to stop".to_owned()),
        };
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        if self.socket.close(Some(frame)).await.is_ok() {
            // The client answers with its own; who closes first would cut off what it still reads.
            while let Some(Ok(_)) = self.socket.next().await {}
            // What it sent besides is read: a connection that is closed over it is reset, and the
            // client would not learn why.
            let raw = self.socket.get_mut();
            let _ = raw.shutdown().await;
            let _ = copy(raw, &mut sink()).await;
        }
    }
}

impl End {
    /// The end after this error of the connection (RFC 6455, section 7.4.1).
    fn of(err: &tungstenite::Error) -> Self {
        match err {
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            tungstenite::Error::Protocol(_) => Self::Broken(1002, err.to_string()),
            tungstenite::Error::Utf8(_) => Self::Broken(1007, "text that is not UTF-8".to_owned()),
            tungstenite::Error::Capacity(_) => Self::Broken(1009, "a message that is too large".to_owned()),
            _ => Self::Gone,
        }
    }

    fn reason(&self) -> &str {
        match self {
            Self::Gone => "the client is gone",
            Self::Closed => "the client has closed it",
            Self::Unauthorized(reason) | Self::Later(reason) | Self::Broken(_, reason) => reason,
            Self::Policy(reason) => reason,
            Self::Stopping => "this dispatcher is about to stop",
        }
    }
}
