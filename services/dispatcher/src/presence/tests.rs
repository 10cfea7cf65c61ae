//! Tests of how presence is cut into pages.

use model::{AccountId, TokenId, UnixMs};
use uuid::Uuid;

use super::*;

fn session(n: u128) -> SessionSeen {
    SessionSeen {
        id: SessionId(Uuid::from_u128(n)),
        account: AccountId(Uuid::from_u128(1)),
        token: TokenId(Uuid::from_u128(2)),
        kind: "agent".into(),
        version: "1".into(),
        peer: "192.0.2.1".into(),
        buckets: vec!["deploys".into()],
        group: "blue".into(),
        since: UnixMs(3),
    }
}

#[test]
fn a_dispatcher_without_sessions_says_that_it_is_there() {
    assert_eq!(Presence::default().pages(), [Page::default()]);
}

#[test]
fn pages_are_cut_at_the_limit() {
    let presence = Presence::default();
    for n in 1..=PAGE_ENTRIES_MAX as u128 {
        presence.session(session(n));
    }
    assert_eq!(presence.pages().len(), 1);
    presence.session(session(0));
    let pages = presence.pages();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages.iter().map(|page| page.sessions.len()).sum::<usize>(), PAGE_ENTRIES_MAX + 1);
    presence.session_gone(SessionId(Uuid::from_u128(0)));
    assert_eq!(presence.pages().len(), 1);
}
