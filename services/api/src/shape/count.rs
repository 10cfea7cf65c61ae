//! Counts of logs as JSON: the ledger, by minute, by day, and what an account uses.

use std::collections::BTreeMap;

use model::{AccountId, BucketId, OutputId, UnixMs};
use serde::Serialize;

use crate::logs::count::{Balance, Span};
use crate::logs::status::Status;
use crate::when;

/// The ledger of a bucket.
#[derive(Serialize)]
pub(crate) struct Ledger {
    bucket: BucketId,
    outputs: Vec<Line>,
}

/// What became of everything that an output was due.
#[derive(Serialize)]
struct Line {
    output: String,
    received: u64,
    sent: u64,
    failed: u64,
    rejected: u64,
    expired: u64,
    pending: u64,
    balanced: bool,
}

impl Ledger {
    /// Shows the balances of a bucket's outputs.
    pub(crate) fn new(bucket: BucketId, balances: &BTreeMap<OutputId, Balance>) -> Self {
        Self { bucket, outputs: balances.iter().map(|(output, balance)| Line::new(*output, balance)).collect() }
    }
}

impl Line {
    fn new(output: OutputId, balance: &Balance) -> Self {
        Self {
            output: if output == OutputId::NONE { String::new() } else { output.to_string() },
            received: balance.received,
            sent: balance.of(Status::Sent),
            failed: balance.of(Status::Failed),
            rejected: balance.of(Status::Rejected),
            expired: balance.of(Status::Expired),
            pending: balance.of(Status::Received) + balance.of(Status::Stalled),
            balanced: balance.is_balanced(),
        }
    }
}

/// Logs by minute.
#[derive(Serialize)]
pub(crate) struct Histogram {
    buckets: Vec<Minute>,
    resolution: &'static str,
}

/// A minute in which something was received.
#[derive(Serialize)]
struct Minute {
    /// Its beginning, in seconds since the Unix epoch.
    minute: u64,
    counts: BTreeMap<&'static str, u64>,
    total: u64,
    retried: u64,
    retry_count: u64,
    max_retries: u64,
    latency_ms_avg: f64,
}

impl Histogram {
    /// Shows minutes by their beginning, in milliseconds since the Unix epoch.
    pub(crate) fn new(minutes: &BTreeMap<u64, Span>) -> Self {
        Self { buckets: minutes.iter().map(|(at, span)| Minute::new(*at, span)).collect(), resolution: "1m" }
    }
}

impl Minute {
    fn new(at: u64, span: &Span) -> Self {
        let mut counts = BTreeMap::new();
        for status in Status::ALL {
            match span.by_status[status as usize] {
                0 => {}
                count => *counts.entry(status.name()).or_default() += count,
            }
        }
        // Both are far below 2^52, from where on a float skips whole numbers.
        #[expect(clippy::cast_precision_loss, reason = "an average of milliseconds")]
        let latency_ms_avg = if span.answered == 0 { 0.0 } else { span.answered_ms as f64 / span.answered as f64 };
        Self {
            minute: at / 1000,
            counts,
            total: span.total(),
            retried: span.retried,
            retry_count: span.retry_count,
            max_retries: span.retries_max,
            latency_ms_avg,
        }
    }
}

/// A day.
#[derive(Serialize)]
pub(crate) struct Day {
    day: String,
    received: u64,
    success: u64,
    failures: u64,
    retried: u64,
    retry_count: u64,
    max_retries: u64,
}

impl Day {
    /// Shows the day that this moment is of.
    pub(crate) fn new(at: UnixMs, span: &Span) -> Self {
        Self {
            day: when::day(at),
            received: span.total(),
            success: span.by_status[Status::Sent as usize],
            failures: span.by_status[Status::Failed as usize] + span.by_status[Status::Expired as usize],
            retried: span.retried,
            retry_count: span.retry_count,
            max_retries: span.retries_max,
        }
    }
}

/// What an account has and uses.
#[derive(Serialize)]
pub(crate) struct Usage {
    pub(crate) account_id: AccountId,
    pub(crate) agents: usize,
    pub(crate) buckets: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) tokens: usize,
    pub(crate) tunnels: usize,
    /// The webhooks that are kept.
    pub(crate) webhooks: u64,
    pub(crate) created_at: u64,
}
