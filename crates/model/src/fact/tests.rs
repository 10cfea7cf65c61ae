//! Tests of facts and of their stored form.

use uuid::Uuid;

use super::*;

fn all_kinds() -> Vec<Fact> {
    let event = EventId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001));
    let at = UnixMs(1_700_000_000_000);
    let attempt = |outcome, next| Fact::AttemptFinished { event, at, attempt: 2, outcome, duration_ms: 12, next };
    let retry = Next::RetryAt(UnixMs(1_700_000_001_000));
    vec![
        attempt(Outcome::Answered(200), Next::End(Ending::Sent)),
        attempt(Outcome::Answered(404), Next::End(Ending::Failed)),
        attempt(Outcome::Refused, retry),
        attempt(Outcome::NotConnected, retry),
        attempt(Outcome::TimedOut, retry),
        attempt(Outcome::Broken, retry),
        attempt(Outcome::NotAllowed, Next::End(Ending::Failed)),
        Fact::DeliveryEnded { event, at, ending: Ending::Expired },
        Fact::DeliveryEnded { event, at, ending: Ending::Rejected },
    ]
}

#[test]
fn what_is_stored_reads_back() {
    assert_eq!(decode(&encode(&all_kinds())).unwrap(), all_kinds());
    assert_eq!(decode(&[]).unwrap(), vec![]);
}

#[test]
fn facts_of_version_1_still_read() {
    // Written by version 0.1.0; never changed.
    let golden = include_bytes!("../../testdata/facts-v1.bin");
    assert_eq!(decode(golden).unwrap(), all_kinds());
}

#[test]
fn unknown_codes_are_named() {
    let mut bytes = encode(&all_kinds()[7..8]);
    let ending = bytes.len() - 1;
    assert_eq!(bytes[ending], 4);
    bytes[ending] = 99;
    assert_eq!(decode(&bytes).unwrap_err().to_string(), "fact has an unknown ending: 99");
    assert!(decode(b"\xff\xff").is_err());
}

#[test]
fn only_endings_end() {
    let ended = all_kinds().iter().filter(|f| f.ending().is_some()).count();
    assert_eq!(ended, 5);
}
