//! Fuzz targets: what is read here of outsiders' bytes.

use bytes::Bytes;
use model::{BucketId, EventId, GroupId, InputId, OutputId, UnixMs};
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

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("from_agent", from_agent), ("from_client", from_client)];

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
        let due = Due { pulled: pulled(number), attempt: 1, key: None };
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

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
