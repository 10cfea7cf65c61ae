//! Tests of the identifiers.

use super::*;

#[test]
fn an_event_id_carries_its_time() {
    let id = EventId(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_700_000_000, 123_000_000)));
    assert_eq!(id.received_at(), UnixMs(1_700_000_000_123));
    assert_eq!(EventId::from_slice(id.as_bytes()).unwrap(), id);
    assert!(EventId::from_slice(&[0; 15]).is_err());
}

#[test]
fn named_groups_differ_by_account_and_name() {
    let (a, b) = (AccountId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
    assert_eq!(GroupId::named(a, "x"), GroupId::named(a, "x"));
    assert_ne!(GroupId::named(a, "x"), GroupId::named(b, "x"));
    assert_ne!(GroupId::named(a, "x"), GroupId::named(a, "y"));
}

#[test]
fn text_that_is_no_uuid_is_refused() {
    for text in ["", "x", "00000000-0000-0000-0000-00000000000", "../../etc"] {
        assert!(text.parse::<BucketId>().is_err(), "{text}");
    }
}
