//! The delivery policy of an output as JSON. Times are whole nanoseconds, as Go says durations,
//! but for those of the circuit, which are ours and in seconds.

mod order;

use model::record::{
    Circuit, Durability as DurabilityRecord, Interval, Order, Output, Paused as PausedRecord, Schedule,
    Throttle as ThrottleRecord, ThrottleMode,
};
use serde::Serialize;

use super::Fields;
use crate::error::Error;
use crate::limits::{CIRCUIT_SECONDS_MAX, COUNT_MAX, DELAYS_MAX, DURATION_NS_MAX};

const SCHEDULES: [(&str, Schedule); 4] = [
    ("seconds", Schedule::Seconds),
    ("medium", Schedule::Medium),
    ("long", Schedule::Long),
    ("custom", Schedule::Custom),
];
const MODES: [(&str, ThrottleMode); 2] = [("rate", ThrottleMode::Rate), ("concurrency", ThrottleMode::Concurrency)];
const INTERVALS: [(&str, Interval); 3] =
    [("second", Interval::Second), ("minute", Interval::Minute), ("hour", Interval::Hour)];

/// What a request says about the policy of an output.
#[derive(Debug)]
pub(super) struct Change {
    durability: Option<DurabilityChange>,
    throttle: Option<ThrottleChange>,
    order: Option<Order>,
    circuit: Option<CircuitChange>,
    frees: bool,
}

#[derive(Debug)]
struct DurabilityChange {
    enabled: Option<bool>,
    schedule: Option<Schedule>,
    custom_delays_ns: Option<Vec<u64>>,
    deadline_ns: Option<u64>,
    handoff_after_ns: Option<u64>,
}

#[derive(Debug)]
struct ThrottleChange {
    enabled: Option<bool>,
    mode: Option<ThrottleMode>,
    rate: Option<u32>,
    interval: Option<Interval>,
    max_concurrent: Option<u32>,
    max_queue_depth: Option<u32>,
    deadline_ns: Option<u64>,
}

#[derive(Debug)]
struct CircuitChange {
    enabled: Option<bool>,
    failures: Option<u32>,
    open_seconds: Option<u32>,
    pause_after_seconds: Option<u32>,
}

impl Change {
    /// Reads what is said. An output is paused by the relay alone; `null` sets it free.
    pub(super) fn read(fields: &Fields) -> Result<Self, Error> {
        Ok(Self {
            durability: fields.object("durability")?.map(|said| DurabilityChange::read(&said)).transpose()?,
            throttle: fields.object("throttle")?.map(|said| ThrottleChange::read(&said)).transpose()?,
            order: order::read(fields)?,
            circuit: fields.object("circuit")?.map(|said| CircuitChange::read(&said)).transpose()?,
            frees: fields.is_null("paused"),
        })
    }

    /// Changes the policy of an output.
    pub(super) fn apply(&self, output: &mut Output) -> Result<(), Error> {
        if let Some(durability) = &self.durability {
            durability.apply(&mut output.durability)?;
        }
        if let Some(throttle) = &self.throttle {
            throttle.apply(&mut output.throttle)?;
        }
        if let Some(order) = &self.order {
            output.order.clone_from(order);
        }
        if let Some(circuit) = &self.circuit {
            circuit.apply(&mut output.circuit);
        }
        if self.frees {
            output.paused = None;
        }
        Ok(())
    }
}

impl DurabilityChange {
    fn read(said: &Fields) -> Result<Self, Error> {
        Ok(Self {
            enabled: said.flag("enabled")?,
            schedule: said.choice("schedule", &SCHEDULES)?,
            custom_delays_ns: said.numbers("custom_delays", DELAYS_MAX, DURATION_NS_MAX)?,
            deadline_ns: said.number("deadline", 0..=DURATION_NS_MAX)?,
            handoff_after_ns: said.number("handoff_after", 0..=DURATION_NS_MAX)?,
        })
    }

    fn apply(&self, durability: &mut DurabilityRecord) -> Result<(), Error> {
        durability.enabled = self.enabled.unwrap_or(durability.enabled);
        durability.schedule = self.schedule.unwrap_or(durability.schedule);
        if let Some(delays) = &self.custom_delays_ns {
            durability.custom_delays_ns.clone_from(delays);
        }
        durability.deadline_ns = self.deadline_ns.unwrap_or(durability.deadline_ns);
        durability.handoff_after_ns = self.handoff_after_ns.unwrap_or(durability.handoff_after_ns);
        if durability.schedule == Schedule::Custom && durability.custom_delays_ns.is_empty() {
            return Err(Error::invalid("durability.custom_delays", "is missing; the schedule custom needs it"));
        }
        Ok(())
    }
}

impl ThrottleChange {
    fn read(said: &Fields) -> Result<Self, Error> {
        Ok(Self {
            enabled: said.flag("enabled")?,
            mode: said.choice("mode", &MODES)?,
            rate: said.number("rate", 0..=COUNT_MAX)?,
            interval: said.choice("interval", &INTERVALS)?,
            max_concurrent: said.number("max_concurrent", 0..=COUNT_MAX)?,
            max_queue_depth: said.number("max_queue_depth", 0..=COUNT_MAX)?,
            deadline_ns: said.number("deadline", 0..=DURATION_NS_MAX)?,
        })
    }

    fn apply(&self, throttle: &mut ThrottleRecord) -> Result<(), Error> {
        throttle.enabled = self.enabled.unwrap_or(throttle.enabled);
        throttle.mode = self.mode.unwrap_or(throttle.mode);
        throttle.rate = self.rate.unwrap_or(throttle.rate);
        throttle.interval = self.interval.unwrap_or(throttle.interval);
        throttle.max_concurrent = self.max_concurrent.unwrap_or(throttle.max_concurrent);
        throttle.max_queue_depth = self.max_queue_depth.unwrap_or(throttle.max_queue_depth);
        throttle.deadline_ns = self.deadline_ns.unwrap_or(throttle.deadline_ns);
        let (measure, is_missing) = match throttle.mode {
            ThrottleMode::Rate => ("throttle.rate", throttle.rate == 0),
            ThrottleMode::Concurrency => ("throttle.max_concurrent", throttle.max_concurrent == 0),
        };
        if throttle.enabled && is_missing {
            return Err(Error::invalid(measure, "must be at least 1"));
        }
        Ok(())
    }
}

impl CircuitChange {
    fn read(said: &Fields) -> Result<Self, Error> {
        Ok(Self {
            enabled: said.flag("enabled")?,
            failures: said.number("failures", 0..=COUNT_MAX)?,
            open_seconds: said.number("open_seconds", 0..=CIRCUIT_SECONDS_MAX)?,
            pause_after_seconds: said.number("pause_after_seconds", 0..=CIRCUIT_SECONDS_MAX)?,
        })
    }

    fn apply(&self, circuit: &mut Circuit) {
        circuit.enabled = self.enabled.unwrap_or(circuit.enabled);
        circuit.failures = self.failures.unwrap_or(circuit.failures);
        circuit.open_seconds = self.open_seconds.unwrap_or(circuit.open_seconds);
        circuit.pause_after_seconds = self.pause_after_seconds.unwrap_or(circuit.pause_after_seconds);
    }
}

/// Trying for longer than the window.
#[derive(Serialize)]
pub(super) struct Durability<'a> {
    enabled: bool,
    schedule: Schedule,
    custom_delays: &'a [u64],
    deadline: u64,
    handoff_after: u64,
}

impl<'a> Durability<'a> {
    /// Shows it.
    pub(super) fn new(durability: &'a DurabilityRecord) -> Self {
        Self {
            enabled: durability.enabled,
            schedule: durability.schedule,
            custom_delays: &durability.custom_delays_ns,
            deadline: durability.deadline_ns,
            handoff_after: durability.handoff_after_ns,
        }
    }
}

/// How fast, or how many at once.
#[derive(Serialize)]
pub(super) struct Throttle {
    enabled: bool,
    mode: ThrottleMode,
    rate: u32,
    interval: Interval,
    max_concurrent: u32,
    max_queue_depth: u32,
    deadline: u64,
}

impl Throttle {
    /// Shows it.
    pub(super) fn new(throttle: &ThrottleRecord) -> Self {
        Self {
            enabled: throttle.enabled,
            mode: throttle.mode,
            rate: throttle.rate,
            interval: throttle.interval,
            max_concurrent: throttle.max_concurrent,
            max_queue_depth: throttle.max_queue_depth,
            deadline: throttle.deadline_ns,
        }
    }
}

/// Since when an output is paused, in Unix seconds, and after how many failures.
#[derive(Serialize)]
pub(super) struct Paused {
    since: u64,
    failures: u32,
}

impl Paused {
    /// Shows it.
    pub(super) fn new(paused: PausedRecord) -> Self {
        Self { since: paused.since.seconds(), failures: paused.failures }
    }
}

#[cfg(test)]
mod tests;
