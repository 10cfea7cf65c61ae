//! Tests of facts and of their stored form.

use uuid::Uuid;

use super::*;

fn kinds_of_version_1() -> Vec<Fact> {
    let event = EventId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001));
    let at = UnixMs(1_700_000_000_000);
    let attempt = |outcome, next| Fact::AttemptFinished {
        event,
        at,
        attempt: 2,
        outcome,
        duration_ms: 12,
        next,
        reason: None,
        place: None,
        answer: None,
    };
    let retry = Next::RetryAt(UnixMs(1_700_000_001_000));
    vec![
        attempt(Outcome::Answered(200), Next::End(Ending::Sent)),
        attempt(Outcome::Answered(404), Next::End(Ending::Failed)),
        attempt(Outcome::Refused, retry),
        attempt(Outcome::NotConnected, retry),
        attempt(Outcome::TimedOut, retry),
        attempt(Outcome::Broken, retry),
        attempt(Outcome::NotAllowed, Next::End(Ending::Failed)),
        Fact::DeliveryEnded { event, at, ending: Ending::Expired, reason: None },
        Fact::DeliveryEnded { event, at, ending: Ending::Rejected, reason: None },
    ]
}

fn kinds_of_version_2() -> Vec<Fact> {
    let event = EventId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0002));
    let at = UnixMs(1_700_000_000_000);
    let answer = Some(AnswerRef { sequence: 9, index: 3, body_bytes: 70_000 });
    let next = Next::RetryAt(UnixMs(1_700_000_009_000));
    vec![
        Fact::AttemptFinished {
            event,
            at,
            attempt: 1,
            outcome: Outcome::Answered(503),
            duration_ms: 7,
            next,
            reason: None,
            place: Some(41),
            answer,
        },
        Fact::AttemptFinished {
            event,
            at,
            attempt: 2,
            outcome: Outcome::NotAllowed,
            duration_ms: 0,
            next: Next::End(Ending::Failed),
            reason: Some(Reason::Loopback),
            place: Some(41),
            answer: None,
        },
        Fact::DeliveryEnded { event, at, ending: Ending::Rejected, reason: Some(Reason::Rules) },
        Fact::Reported { event, at, ending: Ending::Sent, status: 201, duration_ms: 12, answer },
        Fact::Reported { event, at, ending: Ending::Failed, status: 0, duration_ms: 0, answer: None },
    ]
}

#[test]
fn what_is_stored_reads_back() {
    for facts in [kinds_of_version_1(), kinds_of_version_2()] {
        assert_eq!(decode(&encode(&facts)).unwrap(), facts);
    }
    assert_eq!(decode(&[]).unwrap(), vec![]);
}

#[test]
fn facts_of_version_1_still_read() {
    // Written by version 0.1.0; never changed.
    let golden = include_bytes!("../../testdata/facts-v1.bin");
    assert_eq!(decode(golden).unwrap(), kinds_of_version_1());
}

#[test]
fn facts_of_version_2_still_read() {
    // Written when reasons, places, answers and reports came; never changed.
    let golden = include_bytes!("../../testdata/facts-v2.bin");
    assert_eq!(decode(golden).unwrap(), kinds_of_version_2());
    // What is written now; a change of it needs a file of the next version.
    assert!(encode(&kinds_of_version_2()) == golden);
}

#[test]
fn a_reason_of_a_later_version_is_left_out() {
    let fact = Fact::DeliveryEnded {
        event: EventId(Uuid::from_u128(1)),
        at: UnixMs(1),
        ending: Ending::Rejected,
        reason: Some(Reason::Rules),
    };
    let mut bytes = encode(&[fact]);
    let reason = bytes.len() - 1;
    assert_eq!(bytes[reason], 3);
    bytes[reason] = 127;
    assert!(matches!(decode(&bytes).unwrap()[..], [Fact::DeliveryEnded { reason: None, .. }]));
}

#[test]
fn unknown_codes_are_named() {
    let mut bytes = encode(&kinds_of_version_1()[7..8]);
    let ending = bytes.len() - 1;
    assert_eq!(bytes[ending], 4);
    bytes[ending] = 99;
    assert_eq!(decode(&bytes).unwrap_err().to_string(), "fact has an unknown ending: 99");
    assert!(decode(b"\xff\xff").is_err());
}

#[test]
fn only_endings_end() {
    let ended = kinds_of_version_1().iter().filter(|f| f.ending().is_some()).count();
    assert_eq!(ended, 5);
}
