//! Who is connected and how groups stand, as JSON.

use model::record::Group as Record;
use model::{BucketId, GroupId, OutputId, TokenId};
use serde::Serialize;
use store::presence::{CursorSeen, SessionSeen};

use super::NoList;

/// What `GET /v1/connected-clients` says.
#[derive(Serialize)]
pub(crate) struct Clients<'a> {
    webhook_clients: Vec<Client<'a>>,
    tunnel_clients: NoList,
}

#[derive(Serialize)]
struct Client<'a> {
    access_token_key: TokenId,
    buckets: &'a [String],
    client_ip: &'a str,
    client_type: &'a str,
    client_version: &'a str,
    destination: &'static str,
    group: &'a str,
    subscribed_at: u64,
}

impl<'a> Clients<'a> {
    /// Shows these sessions.
    pub(crate) fn new(sessions: impl Iterator<Item = &'a SessionSeen>) -> Self {
        Self { webhook_clients: sessions.map(Client::new).collect(), tunnel_clients: [] }
    }
}

impl<'a> Client<'a> {
    fn new(session: &'a SessionSeen) -> Self {
        Self {
            access_token_key: session.token,
            buckets: &session.buckets,
            client_ip: &session.peer,
            client_type: &session.kind,
            client_version: &session.version,
            destination: "",
            group: &session.group,
            subscribed_at: session.since.seconds(),
        }
    }
}

/// A group of agents on an output. What no dispatcher says, or not yet, is `null`.
#[derive(Serialize)]
pub(crate) struct Group<'a> {
    id: GroupId,
    name: &'a str,
    bucket_id: BucketId,
    output_id: OutputId,
    created_at: u64,
    /// How many sessions take part; none when nobody delivers for the group.
    sessions: Option<u32>,
    /// How many deliveries wait.
    waiting: Option<u64>,
    /// When the oldest of those that are known one by one was received, in Unix seconds.
    oldest_at: Option<u64>,
    /// When the last one ended as sent, in Unix seconds.
    last_sent_at: Option<u64>,
    /// How many attempts in a row have failed.
    failures: Option<u32>,
    circuit_open: Option<bool>,
}

impl<'a> Group<'a> {
    /// Shows a group and how its cursor stands.
    pub(crate) fn new(group: &'a Record, cursor: Option<&CursorSeen>) -> Self {
        Self {
            id: group.id,
            name: &group.name,
            bucket_id: group.bucket,
            output_id: group.output,
            created_at: group.created_at.seconds(),
            sessions: cursor.map(|cursor| cursor.sessions),
            waiting: cursor.map(|cursor| cursor.waiting),
            oldest_at: cursor.and_then(|cursor| cursor.oldest_at).map(|at| at.seconds()),
            last_sent_at: cursor.and_then(|cursor| cursor.last_sent_at).map(|at| at.seconds()),
            failures: cursor.map(|cursor| cursor.failures),
            circuit_open: cursor.map(|cursor| cursor.is_open),
        }
    }
}
