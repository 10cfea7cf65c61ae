//! A stream of events with the consumer of one cursor, and the log of its facts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use model::fact::Fact;
use model::progress::Progress;
use model::{EventId, InputId, UnixMs};
use store::cursor::{ACK_WAIT, Given, Message, Receipt, UNACKED_MAX};
use uuid::Uuid;

/// An event in the stream; its place is its number from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) id: EventId,
    pub(super) stored_at: UnixMs,
}

/// What NATS has of one cursor.
#[derive(Debug, Default)]
pub(super) struct Nats {
    /// In memory; `None` when there is none, as after a restart.
    pub(super) consumer: Option<Consumer>,
    /// Messages of facts, as they lie on disk, with the time at which they came.
    pub(super) log: Vec<(UnixMs, Vec<Fact>)>,
}

/// A pull consumer with explicit acknowledgements.
#[derive(Debug)]
pub(super) struct Consumer {
    /// The place of the next event that was never given out.
    next: u64,
    delivered: u64,
    /// What was given out and not acknowledged: until when, and how often.
    pending: BTreeMap<u64, (u64, i64)>,
    /// What is to be given out again, and how often it was.
    again: BTreeMap<u64, i64>,
    acked: BTreeSet<u64>,
    requests: VecDeque<Request>,
    /// How often an acknowledgement was waited for in vain.
    late: u64,
}

#[derive(Debug)]
struct Request {
    holder: usize,
    left: usize,
    until: u64,
}

impl Nats {
    /// Applies the facts from a time on; returns the sequence of the last.
    pub(super) fn fold_from(&self, at: UnixMs, progress: &mut Progress) -> u64 {
        let facts = self.log.iter().filter(|(stored_at, _)| *stored_at >= at);
        facts.flat_map(|(_, facts)| facts).for_each(|fact| progress.apply(fact));
        self.log.len() as u64
    }

    /// Applies the facts after a sequence; returns the sequence of the last.
    pub(super) fn fold_after(&self, sequence: u64, progress: &mut Progress) -> u64 {
        self.log.iter().skip(sequence as usize).flat_map(|(_, facts)| facts).for_each(|fact| progress.apply(fact));
        self.log.len() as u64
    }

    /// Makes the consumer unless it is there; returns whether it was.
    pub(super) fn ensure(&mut self, from: UnixMs, events: &[Event]) -> bool {
        let existed = self.consumer.is_some();
        self.consumer.get_or_insert_with(|| Consumer::new(from, events));
        existed
    }
}

impl Consumer {
    fn new(from: UnixMs, events: &[Event]) -> Self {
        let next = 1 + events.iter().take_while(|event| event.stored_at < from).count() as u64;
        Self {
            next,
            delivered: 0,
            pending: BTreeMap::new(),
            again: BTreeMap::new(),
            acked: (1..next).collect(),
            requests: VecDeque::new(),
            late: 0,
        }
    }

    /// A process asks for so many.
    pub(super) fn request(&mut self, holder: usize, left: usize, until: u64) {
        self.requests.push_back(Request { holder, left, until });
    }

    /// A process is gone, and its requests with it.
    pub(super) fn forget(&mut self, holder: usize) {
        self.requests.retain(|request| request.holder != holder);
    }

    /// Requests that are over, each with what it leaves.
    pub(super) fn over(&mut self, now: u64) -> Vec<(usize, usize)> {
        let over = self.requests.iter().filter(|request| request.until <= now);
        let over = over.map(|request| (request.holder, request.left)).collect();
        self.requests.retain(|request| request.until > now);
        over
    }

    /// When the next request is over, or the next acknowledgement has been waited for long enough.
    pub(super) fn next_at(&self) -> Option<u64> {
        let pending = self.pending.values().map(|(until, _)| *until);
        pending.chain(self.requests.iter().map(|request| request.until)).min()
    }

    pub(super) fn acknowledge(&mut self, place: u64) {
        if self.pending.remove(&place).is_some() || self.again.remove(&place).is_some() {
            self.acked.insert(place);
        }
    }

    pub(super) fn give_back(&mut self, place: u64) {
        if let Some((_, times)) = self.pending.remove(&place) {
            self.again.insert(place, times);
        }
    }

    pub(super) fn in_progress(&mut self, place: u64, now: u64) {
        if let Some((until, _)) = self.pending.get_mut(&place) {
            *until = now + millis(ACK_WAIT);
        }
    }

    /// Lets come again what lies behind the first event that is not acknowledged.
    pub(super) fn reset(&mut self) {
        let floor = (1..).find(|place| !self.acked.contains(place)).unwrap_or(1);
        self.next = floor;
        self.delivered = 0;
        self.acked.retain(|place| *place < floor);
        self.pending.clear();
        self.again.clear();
    }

    /// Whether everything up to the last of so many events is acknowledged.
    pub(super) fn is_done(&self, events: u64) -> bool {
        self.acked.len() as u64 == events && self.pending.is_empty() && self.again.is_empty()
    }

    /// How often an acknowledgement was waited for in vain.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// What was given out.
    pub(super) fn given(&self) -> Given {
        let floor = (1..).find(|place| !self.acked.contains(place)).unwrap_or(1) - 1;
        let unacknowledged = (self.pending.len() + self.again.len()) as u64;
        Given { floor, last: self.next - 1, delivered: self.delivered, unacknowledged }
    }

    /// What is not acknowledged and was given out, for the trace.
    pub(super) fn unacked(&self) -> Vec<u64> {
        self.pending.keys().chain(self.again.keys()).copied().collect()
    }

    /// The next event for whoever asked first, if there is one.
    pub(super) fn give(&mut self, events: &[Event], now: u64) -> Option<(usize, Message)> {
        let late: Vec<u64> = self.pending.iter().filter(|(_, (until, _))| *until <= now).map(|(p, _)| *p).collect();
        for place in late {
            self.late += 1;
            self.give_back(place);
        }
        let mut request = self.requests.pop_front()?;
        let (place, times) = match self.again.pop_first() {
            Some((place, times)) => (place, times + 1),
            None if self.next <= events.len() as u64 && self.pending.len() < UNACKED_MAX => {
                self.next += 1;
                (self.next - 1, 1)
            }
            None => {
                self.requests.push_front(request);
                return None;
            }
        };
        self.delivered += 1;
        self.pending.insert(place, (now + millis(ACK_WAIT), times));
        let event = events[place as usize - 1];
        let message = Message {
            event: event.id,
            input: InputId(Uuid::nil()),
            meta: store::event::Meta::default(),
            payload: Bytes::new(),
            receipt: Receipt::from_subject(place.to_string()),
            delivered: self.delivered,
            times,
            place,
            stored_at: event.stored_at,
            pending: events.len() as u64 + 1 - self.next,
        };
        request.left -= 1;
        let holder = request.holder;
        if request.left > 0 {
            self.requests.push_back(request);
        }
        Some((holder, message))
    }
}

/// The place that a receipt stands for.
pub(super) fn place(receipt: &Receipt) -> u64 {
    receipt.subject().parse().unwrap()
}

pub(super) fn millis(span: Duration) -> u64 {
    span.as_millis() as u64
}
