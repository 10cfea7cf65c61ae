//! Webhooks through a relay, and the account of what went through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use e2e::wait::{holds, until_within};
use e2e::{Bucket, Destination, Reply};

use crate::load::{self, Latencies, Schedule, Sent, Target, Until};

/// How long deliveries may lag behind the last answer.
const LAG_MAX: Duration = Duration::from_secs(300);
/// The most webhooks a second that there is room for when nobody says how many there will be.
const RATE_MAX: u64 = 100_000;

/// Sends webhooks to an address, and keeps the account of what arrives at a destination.
pub(crate) struct Traffic {
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
    pub(crate) destination: Destination,
    pub(crate) buckets: Vec<Bucket>,
    /// How often each webhook arrives: once for each output.
    pub(crate) copies: u64,
    next: u64,
}

/// When each number of a run first arrived.
struct Arrivals {
    epoch: Instant,
    first: u64,
    /// Nanoseconds after `epoch`; 0 for what has not come.
    at: Vec<AtomicU64>,
    all: AtomicU64,
}

/// How one run went.
pub(crate) struct Run {
    /// What callers saw.
    pub(crate) sent: Sent,
    /// From the scheduled moment to the last byte at the destination.
    pub(crate) delivered: Latencies,
    /// How long after the last answer the last delivery came.
    pub(crate) lag: Duration,
    /// Accepted webhooks that did not arrive.
    pub(crate) lost: usize,
    /// Arrivals beyond those that there should be.
    pub(crate) duplicates: u64,
}

impl Traffic {
    /// Will send to `address`, for buckets whose outputs all call one destination.
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let destination = Destination::start()?;
        destination.keeps_nothing();
        let arrivals = Arc::new(Arrivals::new(0, 0));
        Ok(Self { address, arrivals, destination, buckets: Vec::new(), copies: 1, next: 1 })
    }

    /// Sends at this rate for so long, to all buckets in turn, and waits until all has arrived.
    pub(crate) async fn run(&mut self, rate: f64, span: Duration, shape: &Shape) -> anyhow::Result<Run> {
        let schedule = Schedule::new(self.next, rate, span);
        let target = self.expect(schedule.first, schedule.count, shape);
        let sent = load::open_loop(&target, schedule).await?;
        self.close(sent, |number| schedule.due(number)).await
    }

    /// Sends as fast as answers come, and waits until all has arrived.
    pub(crate) async fn saturate(&mut self, until: Until, shape: &Shape) -> anyhow::Result<Run> {
        let start = Instant::now();
        let sent = self.send(until, shape).await?;
        // Without a schedule there is no moment to count from.
        self.close(sent, |_| start).await
    }

    /// Sends as fast as answers come.
    pub(crate) async fn send(&mut self, until: Until, shape: &Shape) -> anyhow::Result<Sent> {
        let room = match until {
            Until::Over(span) => RATE_MAX * span.as_secs().max(1),
            Until::Sent(count) => count,
        };
        let first = self.next;
        let target = self.expect(first, room, shape);
        load::closed_loop(&target, first, until).await
    }

    /// Sends a little to every bucket, so that what is made once is made.
    pub(crate) async fn warm_up(&mut self) -> anyhow::Result<()> {
        let count = self.buckets.len() as f64;
        let shape = Shape { body_bytes: 64, connections: 8, buckets: self.buckets.len() };
        let run = self.run(200.0, Duration::from_secs_f64(2.0 + count / 200.0), &shape).await?;
        ensure!(run.lost == 0 && run.sent.failed == 0, "the warm-up lost {} of its webhooks", run.lost);
        Ok(())
    }

    /// Waits until so many requests have come to the destination since `before`, as its counter said.
    pub(crate) async fn until_arrived(&self, before: usize, count: usize) -> anyhow::Result<()> {
        let enough = || self.destination.count() >= before + count;
        until_within(LAG_MAX, "everything has arrived", async || Ok(holds(enough()))).await
    }

    /// Gets ready for these numbers.
    fn expect(&mut self, first: u64, count: u64, shape: &Shape) -> Target {
        self.next = first + count;
        self.arrivals = Arc::new(Arrivals::new(first, count));
        let noted = self.arrivals.clone();
        self.destination.replies(move |arrival| {
            noted.note(arrival.number(), arrival.at);
            Reply::Status(200)
        });
        let address = self.address;
        let inputs: Vec<_> = self.buckets.iter().take(shape.buckets).map(|bucket| bucket.input).collect();
        let filler = "x".repeat(shape.body_bytes);
        let make = move |number: u64| {
            let input = inputs[usize::try_from(number).unwrap_or(0) % inputs.len()];
            let body = format!("{number} {filler}");
            let body = &body[..filler.len().max(21)];
            format!(
                "POST /v1/webhooks/{input}/hook?from=bench HTTP/1.1\r\nHost: {address}\r\nUser-Agent: bench/1\r\n\
                 Accept: */*\r\nContent-Type: application/json\r\nX-Event: push\r\n\
                 X-Signature: sha256=0000000000000000000000000000000000000000000000000000000000000000\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len(),
            )
            .into_bytes()
        };
        Target { address, connections: shape.connections, make: Arc::new(make) }
    }

    /// Waits until everything that was accepted has arrived, and adds up.
    async fn close(&self, sent: Sent, due: impl Fn(u64) -> Instant) -> anyhow::Result<Run> {
        let answered = Instant::now();
        let arrivals = &self.arrivals;
        let due_arrivals = self.copies * sent.accepted.len() as u64;
        let first_of_each = || sent.accepted.iter().all(|number| arrivals.at(*number).is_some());
        let all = || arrivals.all.load(Ordering::Relaxed) >= due_arrivals && first_of_each();
        let waited = until_within(LAG_MAX, "everything accepted has arrived", async || Ok(holds(all())));
        // What has not come by then is counted as lost below.
        let _ = waited.await;
        let mut run = Run {
            delivered: load::latencies()?,
            lag: Duration::ZERO,
            lost: 0,
            duplicates: arrivals.all.load(Ordering::Relaxed).saturating_sub(due_arrivals),
            sent,
        };
        for number in &run.sent.accepted {
            match arrivals.at(*number) {
                Some(at) => {
                    run.lag = run.lag.max(at.saturating_duration_since(answered));
                    load::record(&mut run.delivered, at.saturating_duration_since(due(*number)));
                }
                None => run.lost += 1,
            }
        }
        Ok(run)
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) body_bytes: usize,
    pub(crate) connections: usize,
    /// Over how many of the buckets.
    pub(crate) buckets: usize,
}

impl Arrivals {
    fn new(first: u64, count: u64) -> Self {
        let at = (0..count).map(|_| AtomicU64::new(0)).collect();
        Self { epoch: Instant::now(), first, at, all: AtomicU64::new(0) }
    }

    /// A webhook of an earlier run that comes late belongs to no number here.
    fn note(&self, number: Option<u64>, at: Instant) {
        let Some(slot) = number.and_then(|number| self.slot(number)) else { return };
        self.all.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        // Only the first arrival counts; the exchange fails for the others.
        let _ = slot.compare_exchange(0, nanos.max(1), Ordering::Relaxed, Ordering::Relaxed);
    }

    fn at(&self, number: u64) -> Option<Instant> {
        let nanos = self.slot(number)?.load(Ordering::Relaxed);
        (nanos > 0).then(|| self.epoch + Duration::from_nanos(nanos))
    }

    fn slot(&self, number: u64) -> Option<&AtomicU64> {
        self.at.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}
