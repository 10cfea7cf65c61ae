//! What follows from an attempt: an ending, or another attempt and when.

mod after;

mod schedule;

use std::time::Duration;

use crate::fact::{Ending, Next, Outcome};
use crate::record::Output;
use crate::time::UnixMs;

pub use after::{RETRY_AFTER_MAX, retry_after};
pub use schedule::{span, too_late};

/// The wait before the second attempt; it doubles with each further one.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How many attempts a public destination gets unless its output says otherwise.
pub const PUBLIC_ATTEMPTS: u32 = 3;

/// An attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// How long the destination asked to be left alone; see [`retry_after`].
    pub retry_after: Option<Duration>,
}

/// Decides what follows from an attempt.
///
/// `deadline` is the end of the event's [`span`]. `jitter` in 0..=1 shortens the wait by up to
/// half, and one of a durable schedule by up to a tenth, so that many deliveries that failed
/// together do not come back together; a wait that the owner gives stays as it is.
pub fn next(output: &Output, attempt: Attempt, now: UnixMs, deadline: UnixMs, jitter: f64) -> Next {
    match verdict(attempt.outcome) {
        Verdict::Success => return Next::End(Ending::Sent),
        Verdict::Final => return Next::End(Ending::Failed),
        Verdict::Retry => {}
    }
    let Some(wait) = wait(output, attempt.number, jitter) else {
        return Next::End(Ending::Failed);
    };
    let at = now.plus(wait.max(attempt.retry_after.unwrap_or_default()));
    if at > deadline { Next::End(Ending::Failed) } else { Next::RetryAt(at) }
}

enum Verdict {
    Success,
    Final,
    Retry,
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Answered(200..=299) => Verdict::Success,
        Outcome::Answered(408 | 425 | 429 | 500..=599) => Verdict::Retry,
        Outcome::Answered(_) | Outcome::NotAllowed => Verdict::Final,
        Outcome::Refused | Outcome::NotConnected | Outcome::TimedOut | Outcome::Broken => Verdict::Retry,
    }
}

/// The wait after attempt number `attempt`; `None` when there is no further one.
fn wait(output: &Output, attempt: u32, jitter: f64) -> Option<Duration> {
    let jitter = jitter.clamp(0.0, 1.0);
    if output.durability.enabled {
        return schedule::wait(&output.durability, attempt, jitter);
    }
    let is_spent = match output.retries {
        0 if output.internal => false,
        0 => attempt >= PUBLIC_ATTEMPTS,
        retries => i64::from(attempt) > i64::from(retries.max(0)),
    };
    (!is_spent).then(|| backoff(attempt, jitter))
}

fn backoff(attempt: u32, jitter: f64) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.min(BACKOFF_MAX).mul_f64(1.0 - jitter / 2.0)
}

#[cfg(test)]
mod tests;
