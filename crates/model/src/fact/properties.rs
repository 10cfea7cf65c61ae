//! Facts come back from the log as they were written, and other bytes are refused.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn ending() -> impl Strategy<Value = Ending> {
    prop::sample::select(vec![Ending::Sent, Ending::Failed, Ending::Rejected, Ending::Expired])
}

fn outcome() -> impl Strategy<Value = Outcome> {
    use Outcome::{Answered, Broken, NotAllowed, NotConnected, Refused, TimedOut};
    prop_oneof![
        (100..=999u16).prop_map(Answered),
        prop::sample::select(vec![Refused, NotConnected, TimedOut, Broken, NotAllowed]),
    ]
}

fn fact() -> impl Strategy<Value = Fact> {
    let event = any::<u128>().prop_map(|n| EventId(Uuid::from_u128(n)));
    let at = (1..u64::MAX).prop_map(UnixMs);
    let next = prop_oneof![at.clone().prop_map(Next::RetryAt), ending().prop_map(Next::End)];
    let kept = (1..u64::MAX, any::<u32>(), any::<u64>()).prop_map(|(sequence, index, body_bytes)| AnswerRef {
        sequence,
        index,
        body_bytes,
    });
    let answer = prop::option::of(kept);
    let place = prop::option::of(1..u64::MAX);
    prop_oneof![
        (event.clone(), at.clone(), 1..u32::MAX, outcome(), any::<u32>(), next, place, answer.clone()).prop_map(
            |(event, at, attempt, outcome, duration_ms, next, place, answer)| Fact::AttemptFinished {
                event,
                at,
                attempt,
                outcome,
                duration_ms,
                next,
                reason: None,
                place,
                answer,
            }
        ),
        (event.clone(), at.clone(), ending()).prop_map(|(event, at, ending)| Fact::DeliveryEnded {
            event,
            at,
            ending,
            reason: Some(Reason::Rules)
        }),
        (event, at, ending(), 0..1000u16, any::<u32>(), answer).prop_map(
            |(event, at, ending, status, duration_ms, answer)| Fact::Reported {
                event,
                at,
                ending,
                status,
                duration_ms,
                answer,
            }
        ),
    ]
}

proptest! {
    #[test]
    fn facts_come_back_as_they_were(facts in prop::collection::vec(fact(), 0..8)) {
        prop_assert_eq!(decode(&encode(&facts)).unwrap(), facts);
    }

    #[test]
    fn other_bytes_never_panic(facts in prop::collection::vec(fact(), 0..3), at: usize, byte: u8, cut: usize) {
        let mut bytes = encode(&facts);
        if !bytes.is_empty() {
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut % (bytes.len() + 1));
        }
        let _ = decode(&bytes);
    }
}
