//! What a client has once it has subscribed: a session, its cursors, and webhooks that come.

use std::sync::Arc;

use store::directory::Key;
use store::presence::SessionSeen;
use tokio::sync::mpsc;
use tracing::info;

use crate::clock;
use crate::gate::Identity;
use crate::hub::Hub;
use crate::session::{Line, Session, Subscription};
use crate::socket::{CREDITS, Outgoing, SocketLine, UNREAD_MAX};

/// A subscribed client.
pub(super) struct Live {
    session: Arc<Session>,
    subscription: Subscription,
    outgoing: mpsc::Receiver<Outgoing>,
    /// What others are told of it.
    seen: SessionSeen,
    up_to_date: bool,
}

/// The next webhook for the client; `None` for ever when it has not subscribed.
pub(super) async fn next(live: &mut Option<Live>) -> Option<Outgoing> {
    match live {
        Some(live) => live.outgoing.recv().await,
        None => std::future::pending().await,
    }
}

impl Live {
    /// Subscribed, and without a cursor yet.
    pub(super) fn new(hub: &Hub, identity: Identity, peer: String, buckets: &[String], body_base64: bool) -> Self {
        let (tx, outgoing) = mpsc::channel(UNREAD_MAX);
        let session =
            Arc::new(Session::new(CREDITS, Line::Socket(SocketLine { tx, body_base64, room: hub.frames().clone() })));
        let seen = SessionSeen {
            id: session.id(),
            account: identity.account,
            token: identity.token,
            kind: "socket".to_owned(),
            version: String::new(),
            peer,
            buckets: Vec::new(),
            group: String::new(),
            since: clock::now(),
        };
        info!(session = %session.id(), token = %identity.token, "a socket subscribed");
        let subscription = Subscription::of_socket(hub.clone(), Arc::clone(&session), identity, buckets);
        hub.socket_opened(&session);
        Self { session, subscription, outgoing, seen, up_to_date: false }
    }

    /// What the client is told; clients look for the names in it.
    pub(super) fn message(&self) -> String {
        let mut message = format!("subscribed to buckets: {}", self.subscription.bucket_names().join(", "));
        let missing = self.subscription.missing();
        if !missing.is_empty() {
            message.push_str(&format!("; there is no bucket {}", missing.join(", ")));
        }
        message
    }

    /// Joins the cursors that are new and leaves those that are gone.
    pub(super) async fn bring_up_to_date(&mut self, hub: &Hub) {
        self.up_to_date = self.subscription.bring_up_to_date().await;
        self.seen.buckets = self.subscription.bucket_names();
        hub.presence().session(self.seen.clone());
    }

    /// Whether it has every cursor that it should.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.up_to_date
    }

    /// Whether a change of that record can change the cursors.
    pub(super) fn concerns(&self, key: &Key) -> bool {
        self.subscription.concerns(key)
    }

    /// The client has received these.
    pub(super) fn received(&self, numbers: &[u64]) {
        self.session.received(numbers);
    }

    /// Whether this webhook is unconfirmed.
    pub(super) fn is_in_flight(&self, number: u64) -> bool {
        self.session.is_in_flight(number)
    }

    /// Whether webhooks are unconfirmed.
    pub(super) fn has_in_flight(&self) -> bool {
        self.session.in_flight() > 0
    }

    /// Gives back everything that is unconfirmed, for whoever comes next.
    pub(super) fn end(mut self, hub: &Hub) {
        self.session.close();
        self.subscription.end();
        hub.socket_closed(self.session.id());
        hub.presence().session_gone(self.session.id());
    }
}
