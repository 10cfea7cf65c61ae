//! How long to wait before the next try to connect.

use std::time::Duration;

/// The longest first wait.
pub(super) const FIRST: Duration = Duration::from_millis(200);
/// The longest wait of all.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// Waits that double, each shortened at random down to nothing ("full jitter"), so that the
/// agents of a dispatcher that went away do not come back all at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait; `jitter` in 0..=1 is its share of the longest possible.
    pub(super) fn next(&mut self, jitter: f64) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures += 1;
        longest.mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// A session has lived: the next failure is the first again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..10).map(|_| backoff.next(1.0).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
        backoff.reset();
        assert_eq!(backoff.next(0.5), FIRST / 2);
        for _ in 0..100 {
            assert!(backoff.next(1.0) <= LONGEST);
        }
        assert_eq!(backoff.next(0.0), Duration::ZERO);
    }
}
