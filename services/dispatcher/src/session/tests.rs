//! Tests of a session's room and numbers.

use super::*;

fn key(output: u128) -> CursorKey {
    CursorKey {
        bucket: model::BucketId(Uuid::from_u128(1)),
        output: model::OutputId(Uuid::from_u128(output)),
        group: model::GroupId(Uuid::from_u128(3)),
        ephemeral: false,
    }
}

fn event(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

fn session(credits: u32) -> Session {
    Session::new(credits, Line::Agent(mpsc::channel(1).0))
}

fn refused(duration_ms: u32) -> Ended {
    Ended { outcome: Outcome::Refused, duration_ms, reason: None, answer: None }
}

#[test]
fn credits_bound_what_is_in_flight_and_whoever_waits_hears_of_room() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let session = session(2);
    assert_eq!(session.begin(&tx, key(1), event(1), false), Some(1));
    assert_eq!(session.begin(&tx, key(1), event(2), false), Some(2));
    assert_eq!(session.begin(&tx, key(1), event(3), false), None);
    session.report(1, refused(5)).unwrap();
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Room)));
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Finished(_, Ended { duration_ms: 5, .. }))));
    assert_eq!(session.begin(&tx, key(1), event(3), false), Some(3));
}

#[test]
fn suspect_outputs_get_half_of_the_room() {
    let (tx, _rx) = mpsc::unbounded_channel();
    let session = session(4);
    assert!(session.begin(&tx, key(1), event(1), true).is_some());
    assert!(session.begin(&tx, key(2), event(1), true).is_some());
    assert!(session.begin(&tx, key(3), event(1), true).is_none());
    assert!(session.begin(&tx, key(4), event(1), false).is_some());
    session.withdraw(&key(1), event(1));
    assert!(session.begin(&tx, key(3), event(1), true).is_some());
}

#[test]
fn outcomes_of_what_is_not_in_flight_are_refused() {
    let (tx, _rx) = mpsc::unbounded_channel();
    let session = session(2);
    assert!(session.report(1, refused(0)).is_err());
    session.begin(&tx, key(1), event(1), false).unwrap();
    assert!(session.report(1, refused(0)).is_ok());
    assert!(session.report(1, refused(0)).is_err());
}

#[test]
fn a_session_that_ends_tells_what_is_lost_and_begins_nothing_more() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let session = session(2);
    session.begin(&tx, key(1), event(7), false).unwrap();
    session.close();
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Lost(lost)) if lost == event(7)));
    assert_eq!(session.begin(&tx, key(1), event(8), false), None);
}
