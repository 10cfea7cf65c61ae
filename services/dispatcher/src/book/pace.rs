//! How many attempts begin in a time: never more than the rate in any stretch of its interval.

use std::collections::VecDeque;
use std::time::Duration;

use model::UnixMs;

/// When the last attempts began, as many as the rate has.
#[derive(Debug, Default)]
pub(super) struct Pace {
    begun: VecDeque<UnixMs>,
}

impl Pace {
    /// Notes that an attempt began.
    pub(super) fn begun(&mut self, now: UnixMs, rate: Option<(usize, Duration)>) {
        let Some((count, _)) = rate else {
            self.begun.clear();
            return;
        };
        self.begun.push_back(now);
        while self.begun.len() > count {
            self.begun.pop_front();
        }
    }

    /// When the next attempt may begin, if that lies ahead.
    pub(super) fn next_at(&self, now: UnixMs, rate: Option<(usize, Duration)>) -> Option<UnixMs> {
        let (count, interval) = rate?;
        let first = self.begun.len().checked_sub(count)?;
        self.begun.get(first).map(|at| at.plus(interval)).filter(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However attempts are asked for, no interval sees more of them than the rate, and the
        /// next may begin as soon as the rate allows it.
        #[test]
        fn no_interval_has_more_than_the_rate(
            count in 1..20usize,
            interval_ms in 1..2000u64,
            gaps in prop::collection::vec(0..500u64, 0..200),
        ) {
            let (rate, mut pace) = (Some((count, Duration::from_millis(interval_ms))), Pace::default());
            let (mut now, mut begun) = (UnixMs(1_000_000), Vec::new());
            for gap in gaps {
                now = now.plus(Duration::from_millis(gap));
                let within = begun.iter().filter(|at: &&UnixMs| at.0 + interval_ms > now.0).count();
                match pace.next_at(now, rate) {
                    None => {
                        prop_assert!(within < count);
                        pace.begun(now, rate);
                        begun.push(now);
                    }
                    Some(at) => {
                        prop_assert!(within >= count);
                        prop_assert!(at > now && at.0 - now.0 <= interval_ms);
                    }
                }
            }
        }
    }
}
