//! An open-loop sender: every request has its moment, and waits for nobody.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use e2e::Caller;
use hdrhistogram::Histogram;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// The longest latency that is told apart, in microseconds: two minutes.
const LATENCY_MAX: u64 = 120_000_000;
/// How much earlier than a moment the pacing thread wakes up and begins to look at the clock.
const WAKE_EARLY: Duration = Duration::from_micros(60);

/// Latencies in microseconds.
pub(crate) type Latencies = Histogram<u64>;

/// An empty histogram with three significant digits.
pub(crate) fn latencies() -> anyhow::Result<Latencies> {
    Ok(Histogram::new_with_bounds(1, LATENCY_MAX, 3)?)
}

/// Records a latency.
pub(crate) fn record(into: &mut Latencies, latency: Duration) {
    into.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LATENCY_MAX).max(1));
}

/// What requests are sent, by their number.
pub(crate) type Make = dyn Fn(u64) -> Vec<u8> + Send + Sync;

/// Where requests go, and over how many connections.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) make: Arc<Make>,
}

/// What callers saw.
pub(crate) struct Sent {
    /// Requests answered 200.
    pub(crate) accepted: Vec<u64>,
    /// Requests answered otherwise or not at all.
    pub(crate) failed: u64,
    /// From the scheduled moment to the answer.
    pub(crate) answered: Latencies,
    /// From the first moment to the last answer.
    pub(crate) took: Duration,
}

impl Sent {
    /// Accepted requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.accepted.len() as f64 / self.took.as_secs_f64()
    }
}

/// The moments of a run: number `first + i` is due at `start + i / rate`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) rate: f64,
    pub(crate) start: Instant,
}

impl Schedule {
    /// So many requests in a second for so long, beginning in a moment.
    pub(crate) fn new(first: u64, rate: f64, span: Duration) -> Self {
        let count = (rate * span.as_secs_f64()).ceil() as u64;
        Self { first, count, rate, start: Instant::now() + Duration::from_millis(50) }
    }

    /// When a number is due.
    pub(crate) fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64((number - self.first) as f64 / self.rate)
    }
}

/// Sends every request of a schedule at its moment, or as soon after it as a connection is free.
/// Latency counts from the moment, so waiting for a connection shows.
pub(crate) async fn open_loop(target: &Target, schedule: Schedule) -> anyhow::Result<Sent> {
    let rx = Arc::new(Mutex::new(paced(schedule)));
    let mut senders = JoinSet::new();
    for _ in 0..target.connections {
        let (target, rx) = (target.clone(), rx.clone());
        let mut sender = Sender::new(&target)?;
        senders.spawn(async move {
            loop {
                let due = rx.lock().await.recv().await;
                let Some(number) = due else { return sender };
                sender.send(&target, number, schedule.due(number)).await;
            }
        });
    }
    gather(senders, schedule.start).await
}

/// When senders that wait for nothing but their answers end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so long.
    Over(Duration),
    /// After so many requests.
    Sent(u64),
}

/// Sends as fast as the answers come, beginning with this number.
pub(crate) async fn closed_loop(target: &Target, first: u64, until: Until) -> anyhow::Result<Sent> {
    let next = Arc::new(AtomicU64::new(first));
    let start = Instant::now();
    let (span, end) = match until {
        Until::Over(span) => (span, u64::MAX),
        Until::Sent(count) => (Duration::MAX, first + count),
    };
    let mut senders = JoinSet::new();
    for _ in 0..target.connections {
        let (target, next) = (target.clone(), next.clone());
        let mut sender = Sender::new(&target)?;
        senders.spawn(async move {
            while start.elapsed() < span {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    break;
                }
                sender.send(&target, number, Instant::now()).await;
            }
            sender
        });
    }
    gather(senders, start).await
}

/// One connection and its notes.
struct Sender {
    caller: Caller,
    accepted: Vec<u64>,
    failed: u64,
    answered: Latencies,
}

impl Sender {
    fn new(target: &Target) -> anyhow::Result<Self> {
        let caller = Caller::new(target.address, None);
        Ok(Self { caller, accepted: Vec::new(), failed: 0, answered: latencies()? })
    }

    async fn send(&mut self, target: &Target, number: u64, due: Instant) {
        let request = (target.make)(number);
        match self.caller.exchange(&request).await {
            Ok(answer) if answer.status == 200 => {
                self.accepted.push(number);
                record(&mut self.answered, due.elapsed());
            }
            Ok(_) | Err(_) => self.failed += 1,
        }
    }
}

async fn gather(mut senders: JoinSet<Sender>, start: Instant) -> anyhow::Result<Sent> {
    let mut sent = Sent { accepted: Vec::new(), failed: 0, answered: latencies()?, took: Duration::ZERO };
    while let Some(sender) = senders.join_next().await {
        let sender = sender?;
        sent.accepted.extend(sender.accepted);
        sent.failed += sender.failed;
        sent.answered.add(&sender.answered)?;
    }
    sent.took = start.elapsed();
    Ok(sent)
}

/// Gives each number at its moment, from a thread of its own, because the runtime's timer is only
/// good to a millisecond. The thread ends with the schedule, or when nobody listens.
pub(crate) fn paced(schedule: Schedule) -> mpsc::UnboundedReceiver<u64> {
    let (tx, rx) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for number in schedule.first..schedule.first + schedule.count {
            let due = schedule.due(number);
            while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                match left.checked_sub(WAKE_EARLY) {
                    Some(sleep) => std::thread::sleep(sleep),
                    None => std::hint::spin_loop(),
                }
            }
            if tx.send(number).is_err() {
                return;
            }
        }
    });
    rx
}
