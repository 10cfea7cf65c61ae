//! Tests of how presence is cut into pages.

use model::{AccountId, BucketId, GroupId, OutputId, TokenId, UnixMs};
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

fn cursor(n: u128) -> CursorSeen {
    CursorSeen {
        account: AccountId(Uuid::from_u128(1)),
        bucket: BucketId(Uuid::from_u128(2)),
        output: OutputId(Uuid::from_u128(n)),
        group: GroupId::PUBLIC,
        sessions: 1,
        waiting: 0,
        at_hand: 0,
        oldest_at: None,
        last_sent_at: None,
        failures: 0,
        is_open: false,
    }
}

#[test]
fn pages_of_cursors_are_cut_at_the_limit_and_an_empty_one_says_that_there_are_none() {
    assert_eq!(cursor_pages(&[]), [Page::default()]);
    let all: Vec<_> = (0..=PAGE_ENTRIES_MAX as u128).map(cursor).collect();
    assert_eq!(cursor_pages(&all[1..]).len(), 1);
    let pages = cursor_pages(&all);
    assert_eq!(pages.iter().map(|page| page.cursors.len()).collect::<Vec<_>>(), [PAGE_ENTRIES_MAX, 1]);
}
