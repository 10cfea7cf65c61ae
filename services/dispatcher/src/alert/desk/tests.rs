//! Tests of who is told.

use uuid::Uuid;

use super::*;

fn subject(output: u128, alert: Alert) -> Subject {
    Subject {
        integration: IntegrationId(Uuid::from_u128(1)),
        bucket: BucketId(Uuid::from_u128(2)),
        output: OutputId(Uuid::from_u128(output)),
        alert,
    }
}

#[test]
fn the_same_is_told_once_in_a_while_with_how_often_it_happened() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let failed = subject(3, Alert::DeliveryError);
    assert_eq!(desk.tell(failed, 1, now), Some(0));
    assert_eq!(desk.tell(failed, 1, now), None);
    assert_eq!(desk.tell(failed, 5, now + QUIET - Duration::from_millis(1)), None);
    assert_eq!(desk.tell(failed, 1, now + QUIET), Some(6));
    assert_eq!(desk.tell(failed, 1, now + QUIET * 2), Some(0));
}

#[test]
fn another_output_trouble_or_integration_is_told_at_once() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    let failed = subject(3, Alert::DeliveryError);
    for other in [
        failed,
        subject(4, Alert::DeliveryError),
        subject(3, Alert::Lag),
        Subject { integration: IntegrationId(Uuid::from_u128(9)), ..failed },
        Subject { bucket: BucketId(Uuid::from_u128(9)), ..failed },
    ] {
        assert_eq!(desk.tell(other, 1, now), Some(0));
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    for output in 0..TOLD_MAX as u128 {
        assert_eq!(desk.tell(subject(output, Alert::Lag), 1, now), Some(0));
    }
    let one_more = subject(TOLD_MAX as u128, Alert::Lag);
    assert_eq!(desk.tell(one_more, 1, now), None);
    assert_eq!(desk.tell(one_more, 1, now + QUIET), Some(0));
    assert_eq!(desk.told.len(), 1);
}

#[test]
fn an_integration_that_takes_nothing_is_disabled() {
    let (mut desk, at) = (Desk::default(), UnixMs(1));
    let id = IntegrationId(Uuid::from_u128(1));
    for _ in 0..2 {
        for n in 1..=FAILURES_MAX {
            assert_eq!(desk.posted(id, at, false), n == FAILURES_MAX);
        }
    }
}

#[test]
fn one_that_takes_something_or_is_changed_begins_anew() {
    let (mut desk, made, changed) = (Desk::default(), UnixMs(1), UnixMs(2));
    let id = IntegrationId(Uuid::from_u128(1));
    let fail = |desk: &mut Desk, at, times| (0..times).any(|_| desk.posted(id, at, false));
    assert!(!fail(&mut desk, made, FAILURES_MAX - 1));
    assert!(!fail(&mut desk, changed, FAILURES_MAX - 1));
    assert!(!desk.posted(id, changed, true));
    assert!(!fail(&mut desk, changed, FAILURES_MAX - 1));
    assert!(fail(&mut desk, changed, 1));
}
