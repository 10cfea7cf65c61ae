//! The schedules of outputs that keep trying for longer than the window, and for how long a
//! delivery may be tried at all.

use std::time::Duration;

use crate::fact::Ending;
use crate::reason::Reason;
use crate::record::{Bucket, Durability, Output, Schedule, WINDOW_SECONDS_MAX};
use crate::time::UnixMs;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// 25 minutes in all, in seconds.
const SECONDS: &[u64] = &[5, 15, 40, MINUTE, 2 * MINUTE, 3 * MINUTE, 4 * MINUTE, 5 * MINUTE, 9 * MINUTE];
/// 16 hours in all, in seconds.
const MEDIUM: &[u64] = &[MINUTE, 4 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR];
/// The first day, in seconds; then once a day.
const LONG: &[u64] = &[MINUTE, 4 * MINUTE, 25 * MINUTE, 90 * MINUTE, 4 * HOUR, 6 * HOUR, 12 * HOUR];
/// 30 days in all: the first, and 29 more.
const LONG_WAITS: usize = LONG.len() + 29;

/// After how long of waiting for its turn a delivery of a throttled output has failed, unless the
/// output says otherwise.
const THROTTLE_DEADLINE_DEFAULT: Duration = Duration::from_secs(DAY);

/// The wait after attempt number `attempt`; `None` when the schedule is at its end.
pub(super) fn wait(durability: &Durability, attempt: u32, jitter: f64) -> Option<Duration> {
    let at = usize::try_from(attempt).unwrap_or(usize::MAX).saturating_sub(1);
    let seconds = match durability.schedule {
        Schedule::Custom => return durability.custom_delays_ns.get(at).map(|ns| Duration::from_nanos(*ns)),
        Schedule::Seconds => SECONDS.get(at).copied(),
        Schedule::Medium => MEDIUM.get(at).copied(),
        Schedule::Long if at < LONG_WAITS => Some(LONG.get(at).copied().unwrap_or(DAY)),
        Schedule::Long => None,
    };
    seconds.map(|seconds| Duration::from_secs(seconds).mul_f64(1.0 - jitter / 10.0))
}

/// For how long after it was received a delivery may be tried: the bucket's window, or for as long
/// as a durable or throttled output asks for; never longer than events are kept.
pub fn span(output: &Output, bucket: &Bucket) -> Duration {
    let mut span = if output.durability.enabled { durable(output, bucket) } else { bucket.window() };
    if output.throttle.enabled {
        span = span.max(turn(output));
    }
    span.min(kept(bucket))
}

/// How a delivery ends whose next attempt, number `attempt`, comes too late, if it does.
pub fn too_late(
    output: &Output,
    bucket: &Bucket,
    attempt: u32,
    stored_at: UnixMs,
    now: UnixMs,
) -> Option<(Ending, Option<Reason>)> {
    if output.throttle.enabled && attempt == 1 && now > stored_at.plus(turn(output)) {
        return Some((Ending::Failed, Some(Reason::Throttled)));
    }
    (now > stored_at.plus(span(output, bucket))).then_some((Ending::Expired, None))
}

/// For how long a delivery of a throttled output may wait for its turn.
fn turn(output: &Output) -> Duration {
    match output.throttle.deadline_ns {
        0 => THROTTLE_DEADLINE_DEFAULT,
        ns => Duration::from_nanos(ns),
    }
}

/// The owner's deadline; else the schedule's waits and as many attempts as it has, each as long as
/// it may take, and not less than the window.
fn durable(output: &Output, bucket: &Bucket) -> Duration {
    if output.durability.deadline_ns > 0 {
        return Duration::from_nanos(output.durability.deadline_ns);
    }
    let waits = (1..).map_while(|attempt| wait(&output.durability, attempt, 0.0));
    let all = waits.fold(output.timeout(), |sum, wait| sum.saturating_add(wait).saturating_add(output.timeout()));
    all.max(bucket.window())
}

/// How long the bucket's events are kept.
fn kept(bucket: &Bucket) -> Duration {
    let seconds = match bucket.retention_seconds {
        0 => WINDOW_SECONDS_MAX,
        n => n.min(WINDOW_SECONDS_MAX),
    };
    Duration::from_secs(seconds.into())
}
