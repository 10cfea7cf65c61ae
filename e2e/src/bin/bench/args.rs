//! What is measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use e2e::nats::Durability;

/// Measures the relay on this machine. Build it first: cargo build --release -p server -p agent
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Args {
    /// A few seconds of everything: whether it works, not how fast it is.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
    /// Only this durability setting.
    #[arg(long, value_enum)]
    pub(crate) durability: Option<Setting>,
    /// How long each rate is measured, in seconds.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Over how many buckets webhooks are spread.
    #[arg(long, default_value_t = 32)]
    pub(crate) buckets: usize,
    /// The size of each body, in bytes.
    #[arg(long, default_value_t = 1024)]
    pub(crate) body_bytes: usize,
    /// Over how many connections webhooks are sent.
    #[arg(long, default_value_t = 256)]
    pub(crate) connections: usize,
    /// Writes the page to this file.
    #[arg(long)]
    pub(crate) write: Option<PathBuf>,
    /// Serves the bare handler that is measured against; used by the bench itself.
    #[arg(long, hide = true)]
    pub(crate) bare_axum: bool,
}

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// JetStream alone, axum alone, the ingress alone.
    Yardsticks,
    /// Latencies and the highest rate.
    Rates,
    /// Three NATS servers: JetStream alone, the ingress alone.
    Cluster,
    /// A burst into one bucket, and a replay of it.
    Burst,
    /// Bodies of 1 MiB and 10 MiB.
    Bodies,
    /// Ten thousand buckets.
    Buckets,
    /// Processor time of a delivery, from one bucket, output and agent to many.
    Growth,
    /// Ten thousand idle sessions, and their return when their dispatcher dies.
    Sessions,
    /// Ten thousand dead outputs beside a live one.
    Dead,
    /// A healthy output beside a dead, a slow and a failing one.
    Neighbours,
    /// The times of answers for inputs that exist and that do not.
    Oracle,
}

/// A durability setting, as it is written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setting {
    /// On disk before the answer.
    Always,
    /// On disk within two minutes.
    Fast,
}

impl Args {
    /// Whether a part is wanted.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// The settings to measure.
    pub(crate) fn durabilities(&self) -> Vec<Durability> {
        match self.durability {
            Some(Setting::Always) => vec![Durability::Always],
            Some(Setting::Fast) => vec![Durability::Fast],
            None if self.quick => vec![Durability::Always],
            None => vec![Durability::Always, Durability::Fast],
        }
    }

    /// How long each rate is measured.
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { self.seconds })
    }

    /// How many idle sessions are opened.
    pub(crate) fn sessions(&self) -> usize {
        if self.quick { 20 } else { 10_000 }
    }

    /// How many webhooks a burst has. No more can be sent again by one replay.
    pub(crate) fn burst(&self) -> u64 {
        if self.quick { 500 } else { 100_000 }
    }

    /// How many buckets there are in all when there are many.
    pub(crate) fn bucket_count(&self) -> usize {
        if self.quick { 10 } else { 10_000 }
    }

    /// How many buckets, outputs or agents there are when their growth is measured.
    pub(crate) fn many(&self) -> usize {
        if self.quick { 3 } else { 100 }
    }

    /// How many requests each input gets when the times of answers are compared.
    pub(crate) fn oracle(&self) -> usize {
        if self.quick { 200 } else { 20_000 }
    }

    /// How many buckets of dead outputs there are, and how many outputs each has.
    pub(crate) fn dead(&self) -> (usize, usize) {
        if self.quick { (2, 10) } else { (10, 1000) }
    }
}
