//! What follows from an attempt: an ending, or another attempt and when.

use std::time::Duration;

use crate::fact::{Ending, Next, Outcome};
use crate::record::Output;
use crate::time::UnixMs;

/// The wait before the second attempt; it doubles with each further one.
pub const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Decides what follows from attempt number `attempt` (from 1) with this outcome.
///
/// `deadline` is the end of the event's window. `jitter` in 0..=1 shortens the wait by up to
/// half, so that many deliveries that failed together do not come back together.
pub fn next(output: &Output, attempt: u32, outcome: Outcome, now: UnixMs, deadline: UnixMs, jitter: f64) -> Next {
    match verdict(outcome) {
        Verdict::Success => return Next::End(Ending::Sent),
        Verdict::Final => return Next::End(Ending::Failed),
        Verdict::Retry => {}
    }
    let spent = match output.retries {
        0 => false,
        retries => i64::from(attempt) > i64::from(retries.max(0)),
    };
    let at = now.plus(backoff(attempt, jitter));
    if spent || at > deadline {
        return Next::End(Ending::Failed);
    }
    Next::RetryAt(at)
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

fn backoff(attempt: u32, jitter: f64) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    doubled.min(BACKOFF_MAX).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests;
