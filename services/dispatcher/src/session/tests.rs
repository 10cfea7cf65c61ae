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

fn due(n: u128) -> Due {
    let pulled = store::cursor::Pulled {
        event: event(n),
        input: model::InputId(Uuid::nil()),
        meta: store::event::Meta::default(),
        place: 1,
        stored_at: model::UnixMs(0),
        again: None,
        sealed: bytes::Bytes::new(),
        receipt: None,
    };
    Due { pulled, attempt: 1, key: None, adopted: false }
}

fn begin(
    session: &Session,
    courier: &mpsc::UnboundedSender<ToCourier>,
    output: u128,
    event: u128,
    suspect: bool,
) -> Option<u64> {
    session.begin(courier, key(output), &due(event), suspect).map(|(number, _)| number)
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
    assert_eq!(begin(&session, &tx, 1, 1, false), Some(1));
    assert_eq!(begin(&session, &tx, 1, 2, false), Some(2));
    assert_eq!(begin(&session, &tx, 1, 3, false), None);
    session.report(1, refused(5)).unwrap();
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Room)));
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Finished(_, Ended { duration_ms: 5, .. }))));
    assert_eq!(begin(&session, &tx, 1, 3, false), Some(3));
}

#[test]
fn suspect_outputs_get_half_of_the_room() {
    let (tx, _rx) = mpsc::unbounded_channel();
    let session = session(4);
    assert!(begin(&session, &tx, 1, 1, true).is_some());
    assert!(begin(&session, &tx, 2, 1, true).is_some());
    assert!(begin(&session, &tx, 3, 1, true).is_none());
    assert!(begin(&session, &tx, 4, 1, false).is_some());
    session.withdraw(&key(1), event(1));
    assert!(begin(&session, &tx, 3, 1, true).is_some());
}

#[test]
fn suspect_outputs_that_wait_for_room_do_not_stand_before_the_others() {
    let session = session(4);
    let (working, _rx) = mpsc::unbounded_channel();
    for (output, suspect) in [(1, true), (2, true), (3, false), (4, false)] {
        begin(&session, &working, output, 1, suspect).unwrap();
    }
    let suspects: Vec<_> = (10..20).map(|output| (output, mpsc::unbounded_channel())).collect();
    for (output, (tx, _)) in &suspects {
        assert!(begin(&session, tx, *output, 1, true).is_none());
    }
    let (tx, mut rx) = mpsc::unbounded_channel();
    assert!(begin(&session, &tx, 5, 1, false).is_none());
    session.withdraw(&key(3), event(1));
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Room)));
    assert!(begin(&session, &tx, 5, 1, false).is_some());
    let told = suspects.into_iter().filter_map(|(_, (_, mut rx))| rx.try_recv().ok()).count();
    assert_eq!(told, 1, "one of them may find room too");
}

#[test]
fn outcomes_of_what_is_not_in_flight_are_refused() {
    let (tx, _rx) = mpsc::unbounded_channel();
    let session = session(2);
    assert!(session.report(1, refused(0)).is_err());
    begin(&session, &tx, 1, 1, false).unwrap();
    assert!(session.report(1, refused(0)).is_ok());
    assert!(session.report(1, refused(0)).is_err());
}

#[test]
fn a_session_that_ends_tells_what_is_lost_and_begins_nothing_more() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let session = session(2);
    begin(&session, &tx, 1, 7, false).unwrap();
    session.close();
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Lost(lost)) if lost == event(7)));
    assert_eq!(begin(&session, &tx, 1, 8, false), None);
}

#[test]
fn what_an_agent_that_leaves_gives_back_is_for_others_and_the_rest_it_reports() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let session = session(3);
    for number in 1..=2 {
        begin(&session, &tx, 1, number, false).unwrap();
    }
    let say = |given_back| {
        let message = Some(from_agent::Message::Leave(Leave { given_back }));
        session.hear(FromAgent { message })
    };
    say(vec![]).unwrap();
    assert_eq!(begin(&session, &tx, 1, 3, false), None, "it takes no more, though there were room");
    say(vec![2]).unwrap();
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Lost(back)) if back == event(2)));
    assert!(say(vec![2]).is_err(), "twice");
    assert!(say(vec![]).is_err(), "it has left");
    session.report(1, refused(5)).unwrap();
    assert!(matches!(rx.try_recv(), Ok(ToCourier::Finished(ended, _)) if ended == event(1)));
}
