//! A lane: a bucket with its senders and its destination, and notes of all that was sent and came.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Result;
use e2e::{Api, Arrival, Bucket, Destination, Reply};
use model::{EventId, OutputId};
use serde_json::json;

/// Numbers of one sender follow each other from a multiple of this on.
const SENDER: u64 = 1_000_000_000;
/// Numbers of one lane's senders are from a multiple of this on.
const LANE: u64 = 100 * SENDER;

/// What is sent to one bucket and arrives at one destination.
pub(crate) struct Lane {
    /// From 1.
    pub(crate) number: u64,
    /// Its bucket.
    pub(crate) bucket: Bucket,
    /// The output that calls its destination.
    pub(crate) output: OutputId,
    /// Everything that happened in it.
    pub(crate) notes: Arc<Mutex<Notes>>,
    _destination: Destination,
}

/// Everything that happened in a lane, each in the order of time.
#[derive(Default)]
pub(crate) struct Notes {
    /// What callers were told.
    pub(crate) answers: Vec<Answered>,
    /// What came to the destination.
    pub(crate) arrivals: Vec<Arrived>,
    /// The next number of each sender.
    next: BTreeMap<u64, u64>,
    /// The highest number of each sender that came.
    highest: BTreeMap<u64, u64>,
}

/// How one try to send ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The webhook's number.
    pub(crate) number: u64,
    /// What the caller knows.
    pub(crate) told: Told,
    /// When.
    pub(crate) at: Instant,
}

/// What a caller knows after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// 200.
    Accepted,
    /// Another status.
    Refused,
    /// Nobody listened: it was not sent.
    Unreachable,
    /// It was sent, and there was no answer: it may have been taken or not.
    Unknown,
}

/// One request at a destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// The webhook's number.
    pub(crate) number: u64,
    /// Its event, which is the same in every attempt.
    pub(crate) event: Option<EventId>,
    /// When.
    pub(crate) at: Instant,
}

impl Lane {
    /// Makes a lane's bucket, output and destination.
    pub(crate) async fn make(api: &Api, number: u64, name: &str, is_public: bool) -> Result<Self> {
        let destination = Destination::start()?;
        destination.keeps_nothing();
        let notes = Arc::<Mutex<Notes>>::default();
        let kept = notes.clone();
        destination.replies(move |arrival| {
            lock(&kept).came(arrival);
            Reply::Status(200)
        });
        let bucket = api.make_bucket(name, json!({})).await?;
        let output = match is_public {
            true => api.make_public_output(&bucket, &destination.url("/"), json!({})).await?,
            false => api.make_output(&bucket, &destination.url("/"), json!({})).await?,
        };
        Ok(Self { number, bucket, output, notes, _destination: destination })
    }

    /// The first number of one of its senders.
    pub(crate) fn first_number(&self, sender: u64) -> u64 {
        self.number * LANE + sender * SENDER
    }

    /// Whether the number is of one of its senders.
    pub(crate) fn is_own(&self, number: u64) -> bool {
        number / LANE == self.number
    }

    /// What has not been sent yet: the next number of each sender.
    pub(crate) fn next(&self) -> BTreeMap<u64, u64> {
        self.notes().next.clone()
    }

    /// Whether a webhook has come that was not sent yet when `next` was asked for.
    pub(crate) fn has_come_after(&self, next: &BTreeMap<u64, u64>) -> bool {
        let notes = self.notes();
        next.iter().any(|(sender, number)| notes.highest.get(sender).is_some_and(|highest| highest >= number))
    }

    /// How many webhooks were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.notes().answers.iter().filter(|answer| answer.told == Told::Accepted).count()
    }

    /// Its notes.
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }
}

impl Notes {
    /// A sender has sent everything before this number.
    pub(crate) fn is_next(&mut self, number: u64) {
        self.next.insert(sender_of(number), number);
    }

    fn came(&mut self, arrival: &Arrival) {
        let Some(number) = arrival.number() else { return };
        self.arrivals.push(Arrived { number, event: arrival.event(), at: arrival.at });
        let highest = self.highest.entry(sender_of(number)).or_default();
        *highest = number.max(*highest);
    }
}

/// The sender of a number, over all lanes.
pub(crate) fn sender_of(number: u64) -> u64 {
    number / SENDER
}

/// What a thread that panicked has left is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
