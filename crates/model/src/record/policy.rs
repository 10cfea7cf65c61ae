//! The delivery policy of an output, as its owner configures it.

use serde::{Deserialize, Serialize};

use super::yes;
use crate::time::UnixMs;

/// Trying for longer than the window, on a schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durability {
    /// Whether it applies.
    #[serde(default)]
    pub enabled: bool,
    /// When further attempts are made.
    #[serde(default)]
    pub schedule: Schedule,
    /// The waits between attempts, in nanoseconds, for [`Schedule::Custom`].
    #[serde(default)]
    pub custom_delays_ns: Vec<u64>,
    /// After how long nothing more is tried, in nanoseconds; 0 for the schedule's own end.
    #[serde(default)]
    pub deadline_ns: u64,
    /// After how long of trying a delivery stops holding a place among those at hand, in
    /// nanoseconds; 0 for the default.
    #[serde(default)]
    pub handoff_after_ns: u64,
}

/// A schedule of attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// About 25 minutes in all.
    #[default]
    Seconds,
    /// About 16 hours in all.
    Medium,
    /// About 30 days in all, or as long as events are kept.
    Long,
    /// The waits that the owner gives.
    Custom,
}

/// How fast, or how many at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// Whether it applies.
    #[serde(default)]
    pub enabled: bool,
    /// By which measure.
    #[serde(default)]
    pub mode: ThrottleMode,
    /// How many attempts may begin in an interval.
    #[serde(default)]
    pub rate: u32,
    /// The interval.
    #[serde(default)]
    pub interval: Interval,
    /// How many attempts may be under way at once.
    #[serde(default)]
    pub max_concurrent: u32,
    /// How many deliveries may wait before the input answers 429; 0 for no limit.
    #[serde(default)]
    pub max_queue_depth: u32,
    /// After how long a delivery that waits for its turn has failed, in nanoseconds; 0 for a day.
    #[serde(default)]
    pub deadline_ns: u64,
}

/// The measure of a throttle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThrottleMode {
    /// Attempts in a time.
    #[default]
    Rate,
    /// Attempts at once.
    Concurrency,
}

/// The interval of a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// A second.
    #[default]
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

/// Which deliveries of an output wait for which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// First attempts begin in the order of arrival; none waits for another to end.
    #[default]
    Arrival,
    /// One at a time: the next begins when the one before has ended.
    Strict,
    /// As strict, among those with the same key.
    Key(OrderKey),
}

/// What a delivery's key is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKey {
    /// The value of a header.
    Header(String),
    /// A place in a JSON body (RFC 6901).
    Pointer(String),
}

/// When an output that fails is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Whether it applies.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// After so many failures in a row it opens; 0 for the default.
    #[serde(default)]
    pub failures: u32,
    /// How long it stays open before one attempt probes, in seconds; 0 for the default.
    #[serde(default)]
    pub open_seconds: u32,
    /// After how long of nothing but failures the output is paused, in seconds; 0 for never.
    #[serde(default)]
    pub pause_after_seconds: u32,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { enabled: true, failures: 0, open_seconds: 0, pause_after_seconds: 0 }
    }
}

/// Since when an output is paused, and after how many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Since when.
    pub since: UnixMs,
    /// How many attempts had failed in a row.
    pub failures: u32,
}
