//! Tests of the fold.

use uuid::Uuid;

use super::*;
use crate::fact::{Next, Outcome};

fn event(ms: u64) -> EventId {
    EventId(Uuid::from_u128((u128::from(ms) << 80) | 0x7000_8000_0000_0000_0001))
}

fn attempt(event: EventId, attempt: u32, next: Next) -> Fact {
    let at = UnixMs(1);
    Fact::AttemptFinished {
        event,
        at,
        attempt,
        outcome: Outcome::TimedOut,
        duration_ms: 1,
        next,
        reason: None,
        place: None,
        answer: None,
    }
}

#[test]
fn facts_applied_twice_change_nothing() {
    let facts = [
        attempt(event(1), 1, Next::RetryAt(UnixMs(5))),
        attempt(event(1), 2, Next::RetryAt(UnixMs(9))),
        attempt(event(2), 1, Next::End(Ending::Sent)),
    ];
    let mut progress = Progress::default();
    for fact in facts.iter().chain(&facts) {
        progress.apply(fact);
    }
    assert_eq!(progress.of(event(1)), State::Tried(Again { tried: 2, at: UnixMs(9), place: None }));
    assert_eq!(progress.of(event(2)), State::Ended(Ending::Sent));
    assert_eq!(progress.of(event(3)), State::New);
}

#[test]
fn the_first_ending_stands() {
    let mut progress = Progress::default();
    progress.apply(&attempt(event(1), 1, Next::End(Ending::Sent)));
    progress.apply(&Fact::DeliveryEnded { event: event(1), at: UnixMs(2), ending: Ending::Expired, reason: None });
    progress.apply(&attempt(event(1), 2, Next::RetryAt(UnixMs(5))));
    assert_eq!(progress.of(event(1)), State::Ended(Ending::Sent));
}

#[test]
fn the_last_that_was_sent_is_remembered_whatever_is_forgotten() {
    let mut progress = Progress::default();
    assert_eq!(progress.last_sent_at(), None);
    let sent = |at| Fact::DeliveryEnded { event: event(1), at: UnixMs(at), ending: Ending::Sent, reason: None };
    for fact in [sent(5), sent(9), sent(7), attempt(event(2), 1, Next::End(Ending::Failed))] {
        progress.apply(&fact);
    }
    progress.forget_before(UnixMs(100));
    progress.note_sent(None);
    assert_eq!(progress.last_sent_at(), Some(UnixMs(9)));
}

/// An event's id carries the time of the process that took it, whose clock may be wrong.
#[test]
fn what_last_happened_before_the_horizon_is_forgotten_whatever_its_id_says() {
    let mut progress = Progress::default();
    let ended = |id, at| Fact::DeliveryEnded { event: event(id), at: UnixMs(at), ending: Ending::Sent, reason: None };
    for fact in [ended(99, 10), ended(1, 20), ended(2, 30), ended(3, 10), ended(3, 20)] {
        progress.apply(&fact);
    }
    progress.forget_before(UnixMs(20));
    assert_eq!(progress.len(), 3);
    assert_eq!(progress.of(event(99)), State::New);
}

#[test]
fn what_is_tried_again_is_known_with_its_time() {
    let mut progress = Progress::default();
    progress.apply(&attempt(event(1), 2, Next::RetryAt(UnixMs(9))));
    progress.apply(&attempt(event(1), 1, Next::RetryAt(UnixMs(5))));
    progress.apply(&attempt(event(2), 1, Next::RetryAt(UnixMs(7))));
    progress.apply(&Fact::DeliveryEnded { event: event(2), at: UnixMs(8), ending: Ending::Expired, reason: None });
    let again: Vec<_> = progress.again().collect();
    assert_eq!(again, [(event(1), Again { tried: 2, at: UnixMs(9), place: None })]);
}
