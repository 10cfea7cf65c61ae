//! What an owner says about how an output is delivered: durability, throttle, order, circuit.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::cli::moment::{duration, nanoseconds};
use crate::cli::text;

#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Delivery policy")]
pub(super) struct Policy {
    /// Keep trying for longer than the bucket's window, on a schedule
    #[arg(long, value_name = "SCHEDULE")]
    durability: Option<Durability>,
    /// The waits between attempts, such as 1s,30s,5m; the schedule is custom then
    #[arg(long, value_name = "DURATIONS", value_delimiter = ',', value_parser = duration)]
    durability_delays: Vec<Duration>,
    /// After how long nothing more is tried
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    durability_deadline: Option<Duration>,
    /// After how long of trying a delivery makes room for others
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    durability_handoff_after: Option<Duration>,
    /// Begin so many attempts in a time, such as 10/second, 100/minute or 1000/hour; or `off`
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "throttle_concurrency")]
    throttle: Option<Rate>,
    /// Have so many attempts under way at once
    #[arg(long, value_name = "N")]
    throttle_concurrency: Option<u32>,
    /// How many deliveries may wait before callers get 429; 0 for no limit
    #[arg(long, value_name = "N")]
    throttle_queue: Option<u32>,
    /// After how long a delivery that waits for its turn has failed
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    throttle_deadline: Option<Duration>,
    /// Which deliveries wait for which
    #[arg(long)]
    order: Option<Order>,
    /// Deliveries with the same key come one at a time: header:NAME, or pointer:/a/b for a place in
    /// a JSON body
    #[arg(long, value_name = "KEY", value_parser = order_key, conflicts_with = "order")]
    order_key: Option<OrderKey>,
    /// After so many failures in a row the output is left alone for a while; 0 for the default
    #[arg(long, value_name = "N")]
    circuit_failures: Option<u32>,
    /// How long it is left alone before one attempt probes
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    circuit_open: Option<Duration>,
    /// After how long of nothing but failures the output is paused; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pause_after: Option<Duration>,
}

/// Which events an output gets.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Rules")]
pub(in crate::cli) struct Filter {
    /// Only the events that the rules in a file (JSON or YAML; - for standard input) let through
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Durability {
    Off,
    Seconds,
    Medium,
    Long,
    Custom,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Order {
    /// None: they begin in the order of arrival
    Arrival,
    /// Each for the one before
    Strict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OrderKey {
    Header(String),
    Pointer(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rate {
    Off,
    Per { count: u32, interval: &'static str },
}

impl Policy {
    /// The fields of the API; what is not said in a part of them stays as it is.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let part = |said: Map<String, Value>| (!said.is_empty()).then_some(Value::Object(said));
        crate::cli::bucket::said([
            ("durability", part(self.durability())),
            ("throttle", part(self.throttle())),
            ("circuit", part(self.circuit())),
            ("order", self.order()),
        ])
    }

    fn order(&self) -> Option<Value> {
        match (&self.order, &self.order_key) {
            (None, None) => None,
            (Some(Order::Arrival), _) => Some("arrival".into()),
            (Some(Order::Strict), _) => Some("strict".into()),
            (None, Some(OrderKey::Header(name))) => Some(json!({ "key": { "header": name } })),
            (None, Some(OrderKey::Pointer(place))) => Some(json!({ "key": { "pointer": place } })),
        }
    }

    fn durability(&self) -> Map<String, Value> {
        let mut said = Map::new();
        let schedule = match self.durability {
            None if self.durability_delays.is_empty() => None,
            None => Some("custom"),
            Some(Durability::Off) => None,
            Some(Durability::Seconds) => Some("seconds"),
            Some(Durability::Medium) => Some("medium"),
            Some(Durability::Long) => Some("long"),
            Some(Durability::Custom) => Some("custom"),
        };
        if let Some(schedule) = schedule {
            said.insert("enabled".into(), true.into());
            said.insert("schedule".into(), schedule.into());
        }
        if let Some(Durability::Off) = self.durability {
            said.insert("enabled".into(), false.into());
        }
        if !self.durability_delays.is_empty() {
            let delays = self.durability_delays.iter().copied().map(nanoseconds).collect();
            said.insert("custom_delays".into(), Value::Array(delays));
        }
        said.extend(self.durability_deadline.map(|time| ("deadline".to_owned(), nanoseconds(time))));
        said.extend(self.durability_handoff_after.map(|time| ("handoff_after".to_owned(), nanoseconds(time))));
        said
    }

    fn throttle(&self) -> Map<String, Value> {
        let mut said = match (&self.throttle, self.throttle_concurrency) {
            (None, None) => json!({}),
            (Some(Rate::Off), _) => json!({ "enabled": false }),
            (Some(Rate::Per { count, interval }), _) => {
                json!({ "enabled": true, "mode": "rate", "rate": count, "interval": interval })
            }
            (None, Some(count)) => json!({ "enabled": true, "mode": "concurrency", "max_concurrent": count }),
        }
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default();
        said.extend(self.throttle_queue.map(|count| ("max_queue_depth".to_owned(), count.into())));
        said.extend(self.throttle_deadline.map(|time| ("deadline".to_owned(), nanoseconds(time))));
        said
    }

    fn circuit(&self) -> Map<String, Value> {
        let seconds = |time: Duration| Value::from(time.as_secs());
        let said = [
            ("failures", self.circuit_failures.map(Value::from)),
            ("open_seconds", self.circuit_open.map(seconds)),
            ("pause_after_seconds", self.pause_after.map(seconds)),
        ];
        crate::cli::bucket::said(said)
    }
}

impl Filter {
    /// The tree, if one was given. What is wrong with it is said before the server is asked.
    ///
    /// # Errors
    /// When the file cannot be read or holds no rules.
    pub(super) fn tree(&self) -> Result<Option<Value>, Failure> {
        let Some(path) = &self.rules else { return Ok(None) };
        let refuse = |err: &dyn std::fmt::Display| Failure::Usage(format!("{}: {err}", path.display()));
        // JSON is YAML too.
        let tree: Value = serde_norway::from_str(&text::read(path)?).map_err(|err| refuse(&err))?;
        model::rules::Rules::parse(&tree).map_err(|err| refuse(&err))?;
        Ok(Some(tree))
    }
}

fn rate(text: &str) -> Result<Rate, String> {
    if text == "off" {
        return Ok(Rate::Off);
    }
    let refuse = || "a rate is N/second, N/minute, N/hour or off".to_owned();
    let (count, interval) = text.split_once('/').ok_or_else(refuse)?;
    let count = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(refuse)?;
    let interval = match interval.trim() {
        "s" | "second" => "second",
        "m" | "minute" => "minute",
        "h" | "hour" => "hour",
        _ => return Err(refuse()),
    };
    Ok(Rate::Per { count, interval })
}

fn order_key(text: &str) -> Result<OrderKey, String> {
    match text.split_once(':') {
        Some(("header", name)) if !name.is_empty() => Ok(OrderKey::Header(name.to_owned())),
        Some(("pointer", place)) if place.starts_with('/') => Ok(OrderKey::Pointer(place.to_owned())),
        Some(_) | None => Err("a key is header:NAME or pointer:/a/b".to_owned()),
    }
}

#[cfg(test)]
mod tests;
