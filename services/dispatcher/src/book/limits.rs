//! What the policy of an output allows a courier.

use std::time::Duration;

use model::record::{Interval, Order, Output, ThrottleMode};

use super::IN_HAND_MAX;

/// After so many failures in a row an output is suspect, unless it says otherwise.
pub(crate) const SUSPECT_AFTER: u32 = 5;
/// How long nothing is begun at a suspect output before one attempt probes, unless it says
/// otherwise: short, because it is mostly a developer who starts a program again.
pub(crate) const OPEN_DEFAULT: Duration = Duration::from_secs(5);
/// After how long a delivery that is tried again holds no place any more, unless its output says
/// otherwise.
pub(crate) const HANDOFF_AFTER_DEFAULT: Duration = Duration::from_secs(15 * 60);
/// The most attempts of a rate that are counted one by one; a higher rate is counted in a part of
/// its interval.
pub(crate) const COUNTED_MAX: u32 = 1000;

/// What an output allows.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How many attempts may be in hand.
    pub(crate) at_once: usize,
    /// Which deliveries wait for which.
    pub(crate) waits: Waits,
    /// How many attempts may begin in which time.
    pub(crate) rate: Option<(usize, Duration)>,
    /// After how many failures in a row it is suspect.
    pub(crate) failures: u32,
    /// How long nothing is begun at it then.
    pub(crate) open: Duration,
    /// After how long of nothing but failures it is paused.
    pub(crate) pause_after: Option<Duration>,
    /// After how long a delivery that is tried again holds no place.
    pub(crate) handoff_after: Duration,
}

/// Which deliveries wait for which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// None for another.
    Never,
    /// Each for the one before.
    Always,
    /// Each for the one before with the same key.
    SameKey,
}

impl Limits {
    /// Those of an output.
    pub(crate) fn of(output: &Output) -> Self {
        let (throttle, circuit) = (&output.throttle, &output.circuit);
        let waits = match output.order {
            Order::Arrival => Waits::Never,
            Order::Strict => Waits::Always,
            Order::Key(_) => Waits::SameKey,
        };
        let at_once = match (waits, throttle.enabled, throttle.mode) {
            (Waits::Always, _, _) => 1,
            (_, true, ThrottleMode::Concurrency) => or(throttle.max_concurrent as usize, IN_HAND_MAX),
            (_, true, ThrottleMode::Rate) | (_, false, _) => IN_HAND_MAX,
        };
        let has_rate = throttle.enabled && throttle.mode == ThrottleMode::Rate && throttle.rate > 0;
        Self {
            at_once: at_once.min(IN_HAND_MAX),
            waits,
            rate: has_rate.then(|| rate(throttle.rate, throttle.interval)),
            failures: or(circuit.failures, SUSPECT_AFTER),
            open: match (circuit.enabled, circuit.open_seconds) {
                (false, _) => Duration::ZERO,
                (true, 0) => OPEN_DEFAULT,
                (true, seconds) => Duration::from_secs(seconds.into()),
            },
            pause_after: (circuit.enabled && circuit.pause_after_seconds > 0)
                .then(|| Duration::from_secs(circuit.pause_after_seconds.into())),
            handoff_after: match output.durability.handoff_after_ns {
                0 => HANDOFF_AFTER_DEFAULT,
                ns => Duration::from_nanos(ns),
            },
        }
    }
}

impl Default for Limits {
    /// Those of an output that asks for nothing.
    fn default() -> Self {
        Self {
            at_once: IN_HAND_MAX,
            waits: Waits::Never,
            rate: None,
            failures: SUSPECT_AFTER,
            open: OPEN_DEFAULT,
            pause_after: None,
            handoff_after: HANDOFF_AFTER_DEFAULT,
        }
    }
}

fn rate(rate: u32, interval: Interval) -> (usize, Duration) {
    let interval = Duration::from_secs(match interval {
        Interval::Second => 1,
        Interval::Minute => 60,
        Interval::Hour => 3600,
    });
    let counted = rate.min(COUNTED_MAX);
    (counted as usize, interval.mul_f64(f64::from(counted) / f64::from(rate)))
}

/// The value, or the default for 0.
fn or<T: PartialEq + Default>(value: T, default: T) -> T {
    if value == T::default() { default } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_counted_up_to_a_limit_and_beyond_it_in_a_part_of_its_interval() {
        assert_eq!(rate(COUNTED_MAX, Interval::Minute), (1000, Duration::from_secs(60)));
        assert_eq!(rate(COUNTED_MAX * 2, Interval::Minute), (1000, Duration::from_secs(30)));
        assert_eq!(rate(1, Interval::Hour), (1, Duration::from_secs(3600)));
    }
}
