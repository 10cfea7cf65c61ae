//! Tests of the retry decision and of the schedules.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::record::{Bucket, Durability, Schedule, Throttle, WINDOW_SECONDS_MAX};
use crate::{AccountId, BucketId, OutputId};

fn output(retries: i32) -> Output {
    let (account, bucket) = (AccountId(Uuid::nil()), BucketId(Uuid::nil()));
    let new = Output::new(OutputId(Uuid::nil()), account, bucket, "out".into(), "http://127.0.0.1/".into(), UnixMs(0));
    Output { internal: true, retries, ..new }
}

fn durable(schedule: Schedule) -> Output {
    let durability = Durability { enabled: true, schedule, ..Durability::default() };
    Output { durability, ..output(0) }
}

fn bucket() -> Bucket {
    Bucket::new(BucketId(Uuid::nil()), AccountId(Uuid::nil()), "bucket".parse().unwrap(), UnixMs(0))
}

const NOW: UnixMs = UnixMs(1_000_000);
const LATER: UnixMs = UnixMs(1_600_000);
const NEVER: UnixMs = UnixMs(u64::MAX);

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt { number, outcome, retry_after: None }
}

/// The wait after each refused attempt until there is no further one.
fn waits(output: &Output, jitter: f64) -> Vec<Duration> {
    let wait = |number| match next(output, attempt(number, Outcome::Refused), NOW, NEVER, jitter) {
        Next::RetryAt(at) => Some(at.since(NOW)),
        Next::End(_) => None,
    };
    (1..).map_while(wait).take(1000).collect()
}

#[test]
fn statuses_decide() {
    for (status, expected) in [(200, Ending::Sent), (299, Ending::Sent), (301, Ending::Failed), (404, Ending::Failed)] {
        let next = next(&output(0), attempt(1, Outcome::Answered(status)), NOW, LATER, 0.0);
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
        let next = next(&output(0), attempt(1, outcome), NOW, LATER, 0.0);
        assert_eq!(next, Next::RetryAt(UnixMs(NOW.0 + 1000)), "{outcome:?}");
    }
}

#[test]
fn the_wait_doubles_up_to_its_limit_and_jitter_shortens_it() {
    let waits = waits(&output(0), 0.0);
    assert_eq!([1, 2, 3, 6, 7, 40].map(|n| waits[n - 1].as_secs()), [1, 2, 4, 32, 60, 60]);
    assert_eq!(self::waits(&output(0), 1.0)[1].as_secs(), 1);
}

#[test]
fn retries_are_limited_by_number_and_deadline() {
    assert_eq!(waits(&output(-1), 0.0).len(), 0);
    assert_eq!(waits(&output(2), 0.0).len(), 2);
    assert_eq!(waits(&output(0), 0.0).len(), 1000, "an agent's output is tried while the window lasts");
    let edge = |deadline| next(&output(0), attempt(1, Outcome::Refused), NOW, UnixMs(deadline), 0.0);
    assert_eq!(edge(NOW.0 + 1000), Next::RetryAt(UnixMs(NOW.0 + 1000)));
    assert_eq!(edge(NOW.0 + 999), Next::End(Ending::Failed));
}

#[test]
fn a_public_destination_gets_three_attempts_or_what_its_output_says() {
    let public = |retries| waits(&Output { internal: false, ..output(retries) }, 0.0).len();
    assert_eq!(public(0), 2);
    assert_eq!(public(5), 5);
    assert_eq!(public(-1), 0);
}

#[test]
fn a_destination_is_left_alone_for_as_long_as_it_asks() {
    let asked = |seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        next(&output(0), Attempt { retry_after, ..attempt(2, Outcome::Answered(503)) }, NOW, LATER, 0.0)
    };
    assert_eq!(asked(1), Next::RetryAt(UnixMs(NOW.0 + 2000)), "never shorter than the backoff");
    assert_eq!(asked(30), Next::RetryAt(UnixMs(NOW.0 + 30_000)));
    assert_eq!(asked(601), Next::End(Ending::Failed), "beyond the deadline");
}

#[test]
fn the_schedules_last_as_long_as_they_say() {
    for (schedule, seconds) in
        [(Schedule::Seconds, 25 * 60), (Schedule::Medium, 16 * 3600), (Schedule::Long, 30 * 24 * 3600)]
    {
        let waits = waits(&durable(schedule), 0.0);
        assert_eq!(waits.iter().sum::<Duration>().as_secs(), seconds, "{schedule:?}");
        assert!(waits.is_sorted(), "{schedule:?}");
    }
}

#[test]
fn the_owners_waits_are_kept_to_the_letter() {
    let mut output = durable(Schedule::Custom);
    output.durability.custom_delays_ns = vec![3_000_000_000, 1_000_000_000];
    assert_eq!(waits(&output, 1.0), [3, 1].map(Duration::from_secs));
}

#[test]
fn a_delivery_may_be_tried_for_as_long_as_its_output_asks_and_events_are_kept() {
    let mut bucket = bucket();
    let seconds = |output: &Output, bucket: &Bucket| span(output, bucket).as_secs();
    assert_eq!(seconds(&output(0), &bucket), 600);
    assert_eq!(seconds(&durable(Schedule::Seconds), &bucket), 25 * 60 + 10 * 30);
    assert_eq!(seconds(&durable(Schedule::Long), &bucket), u64::from(WINDOW_SECONDS_MAX));
    let mut short = durable(Schedule::Long);
    short.durability.deadline_ns = 5_000_000_000;
    assert_eq!(seconds(&short, &bucket), 5);
    let throttle = Throttle { enabled: true, ..Throttle::default() };
    assert_eq!(seconds(&Output { throttle, ..output(0) }, &bucket), 24 * 3600);
    bucket.retention_seconds = 300;
    assert_eq!(seconds(&durable(Schedule::Long), &bucket), 300);
}

proptest! {
    /// Whatever the policy: what is tried again is tried later, within the deadline, and never
    /// before the destination allows it.
    #[test]
    fn what_is_tried_again_is_tried_later_and_in_time(
        retries in -1..20i32,
        internal: bool,
        schedule in prop::sample::select(vec![None, Some(Schedule::Seconds), Some(Schedule::Long), Some(Schedule::Custom)]),
        delays in prop::collection::vec(any::<u64>(), 0..4),
        number in 1..u32::MAX,
        status in 100..600u16,
        asked in prop::option::of(0..4000u64),
        left_ms in 0..10_000_000u64,
        jitter in -1.0..2.0f64,
    ) {
        let mut output = Output { internal, ..schedule.map_or_else(|| output(retries), durable) };
        output.durability.custom_delays_ns = delays;
        let attempt = Attempt {
            number,
            outcome: Outcome::Answered(status),
            retry_after: asked.map(Duration::from_secs),
        };
        let deadline = NOW.plus(Duration::from_millis(left_ms));
        match next(&output, attempt, NOW, deadline, jitter) {
            Next::RetryAt(at) => {
                prop_assert!(at >= NOW.plus(attempt.retry_after.unwrap_or_default()) && at <= deadline);
                prop_assert!(status >= 400);
            }
            Next::End(Ending::Sent) => prop_assert!((200..300).contains(&status)),
            Next::End(ending) => prop_assert_eq!(ending, Ending::Failed),
        }
    }
}
