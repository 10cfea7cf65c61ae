//! Latencies at given rates, and the highest rate without loss.

use std::time::Duration;

use e2e::nats::Durability;
use e2e::report::say;

use crate::args::Args;
use crate::load::{Latencies, Until};
use crate::rig::{Rig, bytes_in};
use crate::traffic::{Run, Shape};

/// The rates at which latency is measured, in webhooks a second.
const RATES: [f64; 3] = [100.0, 1000.0, 5000.0];
/// A rate is held when so much of it was accepted.
const HELD: f64 = 0.99;
/// A rate is held when the last delivery comes no later than this after the last answer.
const LAG_MAX: Duration = Duration::from_secs(1);
/// The search for the highest rate ends when it is known to so much.
const PRECISION: f64 = 0.05;

/// Everything that was measured with one durability setting.
pub(crate) struct Rates {
    /// Spread over many buckets, then all through one.
    pub(crate) spread: Shapes,
    /// One bucket, one output, one cursor.
    pub(crate) single: Shapes,
    /// What a webhook takes on disk with its fact, in bytes, and its body's size.
    pub(crate) disk_bytes: u64,
    /// The size of each body, in bytes.
    pub(crate) body_bytes: usize,
}

/// What was measured with one number of buckets.
pub(crate) struct Shapes {
    pub(crate) buckets: usize,
    pub(crate) at: Vec<Point>,
    /// As fast as answers come; deliveries may lag.
    pub(crate) accepted_max: Point,
    /// The highest rate at which deliveries keep up.
    pub(crate) held_max: Option<Point>,
}

/// One run.
pub(crate) struct Point {
    pub(crate) offered: Option<f64>,
    pub(crate) accepted_rate: f64,
    pub(crate) answered: Latencies,
    pub(crate) delivered: Latencies,
    pub(crate) lag: Duration,
    pub(crate) accepted: usize,
    pub(crate) failed: u64,
    pub(crate) lost: usize,
    pub(crate) duplicates: u64,
}

impl Point {
    fn new(offered: Option<f64>, run: Run) -> Self {
        Self {
            offered,
            accepted_rate: run.sent.rate(),
            answered: run.sent.answered,
            delivered: run.delivered,
            lag: run.lag,
            accepted: run.sent.accepted.len(),
            failed: run.sent.failed,
            lost: run.lost,
            duplicates: run.duplicates,
        }
    }

    /// Whether everything that was offered was taken and delivered in time.
    fn is_held(&self) -> bool {
        let enough = self.offered.is_none_or(|offered| self.accepted_rate >= offered * HELD);
        enough && self.failed == 0 && self.lost == 0 && self.lag <= LAG_MAX
    }
}

/// Measures with one durability setting.
pub(crate) async fn measure(args: &Args, durability: Durability) -> anyhow::Result<Rates> {
    let mut rig = Rig::start(durability, args.buckets).await?;
    let shape = Shape { body_bytes: args.body_bytes, connections: args.connections, buckets: args.buckets };
    let disk_bytes = disk_bytes(&mut rig, args, &shape).await?;
    let spread = shapes(&mut rig, args, &shape, durability).await?;
    let single = shapes(&mut rig, args, &Shape { buckets: 1, ..shape }, durability).await?;
    Ok(Rates { spread, single, disk_bytes, body_bytes: args.body_bytes })
}

async fn shapes(rig: &mut Rig, args: &Args, shape: &Shape, durability: Durability) -> anyhow::Result<Shapes> {
    let name = format!("durability {}, {} buckets", durability.as_str(), shape.buckets);
    let mut at = Vec::new();
    for rate in RATES {
        let point = point(rig, args, rate, shape).await?;
        tell(&name, &point);
        at.push(point);
    }
    let accepted_max = Point::new(None, rig.traffic.saturate(Until::Over(args.span()), shape).await?);
    tell(&name, &accepted_max);
    let held_max = if args.quick { None } else { highest(rig, args, shape, accepted_max.accepted_rate, &name).await? };
    Ok(Shapes { buckets: shape.buckets, at, accepted_max, held_max })
}

/// Halves the range between a rate that is held and one that is not.
async fn highest(
    rig: &mut Rig,
    args: &Args,
    shape: &Shape,
    accepted_max: f64,
    name: &str,
) -> anyhow::Result<Option<Point>> {
    let (mut held, mut not_held) = (0.0, accepted_max * 1.1);
    let mut best = None;
    let mut rate = accepted_max * 0.7;
    while not_held - held > accepted_max * PRECISION {
        let point = point(rig, args, rate, shape).await?;
        tell(name, &point);
        if point.is_held() {
            held = rate;
            best = Some(point);
        } else {
            not_held = rate;
        }
        rate = f64::midpoint(held, not_held);
    }
    Ok(best)
}

async fn point(rig: &mut Rig, args: &Args, rate: f64, shape: &Shape) -> anyhow::Result<Point> {
    Ok(Point::new(Some(rate), rig.traffic.run(rate, args.span(), shape).await?))
}

/// How much the store grows with each webhook.
async fn disk_bytes(rig: &mut Rig, args: &Args, shape: &Shape) -> anyhow::Result<u64> {
    let before = bytes_in(&rig.store());
    let run = rig.traffic.run(500.0, args.span(), shape).await?;
    let grown = bytes_in(&rig.store()).saturating_sub(before);
    Ok(grown / u64::try_from(run.sent.accepted.len().max(1))?)
}

fn tell(name: &str, point: &Point) {
    let offered = point.offered.map_or("as fast as answered".to_owned(), |rate| format!("{rate:.0}/s offered"));
    say(&format!(
        "{name}, {offered}: accepted {:.0}/s, answered p50 {:.2} ms p99 {:.2} ms, delivered p50 {:.2} ms p99 {:.2} ms, \
         lag {:.2} s; accepted {}, failed {}, lost {}, duplicates {}",
        point.accepted_rate,
        ms(&point.answered, 0.5),
        ms(&point.answered, 0.99),
        ms(&point.delivered, 0.5),
        ms(&point.delivered, 0.99),
        point.lag.as_secs_f64(),
        point.accepted,
        point.failed,
        point.lost,
        point.duplicates,
    ));
}

/// A quantile in milliseconds.
pub(crate) fn ms(latencies: &Latencies, quantile: f64) -> f64 {
    latencies.value_at_quantile(quantile) as f64 / 1000.0
}
