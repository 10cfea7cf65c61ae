//! Tests of the retry decision.

use uuid::Uuid;

use super::*;
use crate::{AccountId, BucketId, OutputId};

fn output(retries: i32) -> Output {
    let (account, bucket) = (AccountId(Uuid::nil()), BucketId(Uuid::nil()));
    let new = Output::new(OutputId(Uuid::nil()), account, bucket, "out".into(), "http://127.0.0.1/".into(), UnixMs(0));
    Output { internal: true, retries, ..new }
}

const NOW: UnixMs = UnixMs(1_000_000);
const LATER: UnixMs = UnixMs(1_600_000);

#[test]
fn statuses_decide() {
    for (status, expected) in [(200, Ending::Sent), (299, Ending::Sent), (301, Ending::Failed), (404, Ending::Failed)] {
        let next = next(&output(0), 1, Outcome::Answered(status), NOW, LATER, 0.0);
        assert_eq!(next, Next::End(expected), "{status}");
    }
    for outcome in [
        Outcome::Answered(408),
        Outcome::Answered(429),
        Outcome::Answered(500),
        Outcome::Answered(599),
        Outcome::Refused,
        Outcome::NotConnected,
        Outcome::TimedOut,
        Outcome::Broken,
    ] {
        let next = next(&output(0), 1, outcome, NOW, LATER, 0.0);
        assert_eq!(next, Next::RetryAt(UnixMs(NOW.0 + 1000)), "{outcome:?}");
    }
}

#[test]
fn the_wait_doubles_up_to_its_limit_and_jitter_shortens_it() {
    let wait = |attempt, jitter| match next(&output(0), attempt, Outcome::Refused, NOW, LATER, jitter) {
        Next::RetryAt(at) => at.0 - NOW.0,
        Next::End(ending) => panic!("{ending:?}"),
    };
    assert_eq!([1, 2, 3, 6, 7, 40].map(|n| wait(n, 0.0)), [1000, 2000, 4000, 32_000, 60_000, 60_000]);
    assert_eq!(wait(2, 1.0), 1000);
}

#[test]
fn retries_are_limited_by_number_and_window() {
    let ends = |retries, attempt| {
        next(&output(retries), attempt, Outcome::Refused, NOW, LATER, 0.0) == Next::End(Ending::Failed)
    };
    assert!(ends(-1, 1));
    assert!(!ends(2, 2));
    assert!(ends(2, 3));
    assert!(!ends(0, 100));
    let at_the_edge = next(&output(0), 1, Outcome::Refused, NOW, UnixMs(NOW.0 + 999), 0.0);
    assert_eq!(at_the_edge, Next::End(Ending::Failed));
}
