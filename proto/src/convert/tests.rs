//! Tests of the conversions.

use super::*;

#[test]
fn outcomes_survive_the_wire() {
    let all = [
        Outcome::Answered(204),
        Outcome::Refused,
        Outcome::NotConnected,
        Outcome::TimedOut,
        Outcome::Broken,
        Outcome::NotAllowed,
    ];
    for outcome in all {
        assert_eq!(v1::Outcome::new(7, outcome, 1).outcome(), Ok(outcome));
    }
}

#[test]
fn what_is_no_outcome_is_refused() {
    for (kind, status) in [(0, 0), (99, 0), (1, 0), (1, 99), (1, 1000), (1, 70_000)] {
        let message = v1::Outcome { number: 1, kind, status, duration_ms: 0, answer: None };
        assert_eq!(message.outcome(), Err(InvalidMessage::Outcome), "{kind} {status}");
    }
}
