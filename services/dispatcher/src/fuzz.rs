//! Fuzz targets: what is read here of outsiders' bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use model::record::{Bucket, Output};
use model::{AccountId, BucketId, EventId, GroupId, InputId, OutputId, UnixMs};
use prost::Message as _;
use proto::v1::FromAgent;
use store::cursor::Pulled;
use store::event::Meta;
use store::fact::CursorKey;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::book::Due;
use crate::courier::ToCourier;
use crate::session::{Line, Session};
use crate::socket::frame::FromClient;
use crate::socket::webhook::webhook;
use crate::web_socket::{self, Upgrade};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("from_agent", from_agent),
    ("from_client", from_client),
    ("handshake", handshake),
    ("webhook_frame", webhook_frame),
];

/// How many attempts the session has in flight.
const CREDITS: u32 = 8;

/// Messages of an agent, each with its length in a byte before it, to a session with attempts in
/// flight. Whatever they say: every attempt ends once.
fn from_agent(input: &[u8]) {
    let session = Session::new(CREDITS, Line::Agent(mpsc::channel(1).0));
    let (tx, mut rx) = mpsc::unbounded_channel();
    let (bucket, output, group) = (BucketId(Uuid::nil()), OutputId(Uuid::nil()), GroupId(Uuid::nil()));
    let key = CursorKey { bucket, output, group, ephemeral: false };
    for number in 0..CREDITS {
        let due = Due { pulled: pulled(number), attempt: 1, key: None, adopted: false };
        assert!(session.begin(&tx, key, &due, false).is_some());
    }
    let mut rest = input;
    while let Some((length, more)) = rest.split_first() {
        let (message, more) = more.split_at(more.len().min((*length).into()));
        rest = more;
        let Ok(message) = FromAgent::decode(message) else { break };
        if session.hear(message).is_err() {
            break;
        }
    }
    session.close();
    let ended = std::iter::from_fn(|| rx.try_recv().ok());
    let ended = ended.filter(|told| matches!(told, ToCourier::Finished(..) | ToCourier::Lost(_)));
    assert_eq!(ended.count(), CREDITS as usize);
}

fn pulled(number: u32) -> Pulled {
    Pulled {
        event: EventId(Uuid::from_u128(number.into())),
        input: InputId(Uuid::nil()),
        meta: Meta::default(),
        place: 1,
        stored_at: UnixMs(0),
        again: None,
        sealed: Bytes::new(),
        receipt: None,
    }
}

fn from_client(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        FromClient::read(text);
    }
}

/// Header lines of a request for a WebSocket.
fn handshake(input: &[u8]) {
    let mut request = Request::new(());
    for line in input.split(|byte| *byte == b'\n') {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(at + 1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(value)) {
            request.headers_mut().append(name, value);
        }
    }
    let asks = web_socket::asks_for(request.headers(), "relay");
    if let Some(upgrade) = Upgrade::of(&mut request) {
        assert_eq!(upgrade.response().status(), StatusCode::SWITCHING_PROTOCOLS);
    }
    assert_eq!(asks, web_socket::asks_for(request.headers(), "RELAY"));
}

/// A request as it is stored, told to a client of the public socket.
fn webhook_frame(input: &[u8]) {
    let Ok(request) = <model::request::Request as prost::Message>::decode(input) else { return };
    let (bucket, account) = (BucketId(Uuid::nil()), AccountId(Uuid::nil()));
    let Ok(name) = "bucket".parse() else { return };
    let bucket = Bucket::new(bucket, account, name, UnixMs(0));
    let due = Due { pulled: pulled(1), attempt: 1, key: None, adopted: false };
    let (name, url) = ("output".to_owned(), "https://destination.example/a".to_owned());
    let output = Output::new(OutputId(Uuid::from_u128(1)), account, bucket.id, name, url, UnixMs(0));
    let Ok(webhook) = webhook(&request, &request.body, true, &due, &bucket, String::new(), &output) else { return };
    let text = webhook.text().unwrap_or_default();
    let read = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
    let body = read["body_base64"].as_str().and_then(|body| STANDARD.decode(body).ok());
    assert_eq!(body.as_deref(), Some(&request.body[..]), "{text}");
    assert!(read["headers"].get("Host").is_none(), "{text}");
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
