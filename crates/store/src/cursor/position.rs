//! What a cursor knows and decides, without any I/O: the fold of its facts, what was asked of NATS,
//! and which of the events that come are due.
//!
//! [`Cursor`](super::Cursor) carries it out; so does the simulator of the dispatcher.

use std::collections::BTreeSet;
use std::time::Duration;

use model::fact::Fact;
use model::progress::{Again, Progress, State};
use model::{EventId, OutputId, UnixMs};
use tokio::time::Instant;

use super::REFUSED_WAIT;
use super::consumer::SLACK;
use super::peers::Peers;
use super::pull::Message;
use super::pulled::{Pulled, Receipt};

/// Where a cursor stands, as far as this process knows.
#[derive(Debug)]
pub struct Position {
    output: OutputId,
    window: Duration,
    progress: Progress,
    /// The last message of facts that `progress` knows.
    folded: u64,
    /// The highest number that the consumer gave to a delivery; a lower one means a new consumer.
    delivered: u64,
    /// The highest place of an event that was given out here, by this consumer or one before it.
    highest: u64,
    /// Events that were stored before this time are not given out for the first time any more.
    reached: UnixMs,
    /// How many events the stream had for the consumer when NATS last said so.
    pending: u64,
    /// How many events the standing pull requests may still bring.
    asked: usize,
    /// When the standing requests are over, even if NATS does not say so.
    over_at: Instant,
    /// When an event last came.
    came_at: Option<Instant>,
    /// Nothing is asked before this time, because NATS refused.
    refused_until: Instant,
    lost: bool,
    peers: Peers,
    /// The places of what was given out here and not acknowledged.
    in_hand: BTreeSet<u64>,
}

/// Which facts are to be read before an event is [sorted](Position::sort).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// None.
    None,
    /// Those that came since they were last read.
    New,
    /// All that matter.
    All,
}

/// What is to be done with an event that was given out.
#[derive(Debug)]
pub enum Sorted {
    /// It is due.
    Due(Box<Pulled>),
    /// It has ended, or is due to other outputs: it is to be acknowledged.
    Over(Receipt),
}

impl Position {
    /// Nothing is known yet but who else works with the cursor.
    pub fn new(output: OutputId, window: Duration, peers: Peers, now: UnixMs, instant: Instant) -> Self {
        Self {
            output,
            window,
            progress: Progress::default(),
            folded: 0,
            delivered: 0,
            highest: 0,
            reached: now,
            pending: 0,
            asked: 0,
            over_at: instant,
            came_at: None,
            refused_until: instant,
            lost: false,
            peers,
            in_hand: BTreeSet::new(),
        }
    }

    /// Where a new consumer is to begin: `last` is when the last facts came, `since` when the group
    /// first attached.
    pub fn begins_at(&self, last: Option<UnixMs>, since: UnixMs, now: UnixMs) -> UnixMs {
        last.unwrap_or(since).min(now).minus(self.window).minus(SLACK)
    }

    /// There is a consumer that began here, or later.
    pub fn reaches(&mut self, from: UnixMs) {
        self.reached = from;
    }

    /// The consumer was made again, for a window that may have changed.
    pub fn made_again(&mut self) {
        self.delivered = 0;
        self.asked = 0;
        self.lost = false;
    }

    /// For how long after it was stored an event is due.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The window, from now on.
    pub fn set_window(&mut self, window: Duration) {
        self.window = window;
    }

    /// Before it no fact matters. What was tried last before the window was received before it too,
    /// and is known as ended; unless the consumer, made when nobody had worked with the cursor for
    /// long, has not given out everything from back then.
    pub fn horizon(&self, now: UnixMs) -> UnixMs {
        let reached = self.reached.minus(SLACK);
        now.minus(self.window).minus(self.window).minus(SLACK).min(reached)
    }

    /// The facts from the [horizon](Position::horizon) on were folded, up to message `last`.
    pub fn folded_all(&mut self, progress: Progress, last: u64) {
        self.progress = progress;
        self.folded = last;
    }

    /// The last message of facts that was folded, and what the next ones are folded into.
    pub fn to_fold(&mut self) -> (u64, &mut Progress) {
        (self.folded, &mut self.progress)
    }

    /// The facts that came since were folded, up to message `last`.
    pub fn folded_new(&mut self, last: u64, now: UnixMs) {
        self.folded = last;
        self.progress.forget_before(self.horizon(now));
    }

    /// What the facts say.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What is to be tried again, as far as the facts were read.
    pub fn again(&self) -> impl Iterator<Item = (EventId, Again)> {
        self.progress.again()
    }

    /// How many events to ask for, so that up to `wanted` more may come.
    pub fn to_ask(&self, wanted: usize, now: Instant) -> Option<usize> {
        // Small top-ups would cost a request for each event.
        let is_enough = wanted == 0 || self.asked > wanted / 2;
        (!self.lost && !is_enough && !self.is_refused(now)).then(|| wanted - self.asked)
    }

    /// So many were asked for, in a request that is over then even if NATS does not say so.
    pub fn asked(&mut self, batch: usize, over_at: Instant) {
        self.asked += batch;
        self.over_at = over_at;
    }

    /// A standing request has brought a message.
    pub fn brought(&mut self) {
        self.asked = self.asked.saturating_sub(1);
    }

    /// Whether an event came within that time.
    pub fn has_come_within(&self, span: Duration, now: Instant) -> bool {
        self.came_at.is_some_and(|at| now.duration_since(at) < span)
    }

    /// A request is over, and leaves so many events that it could have brought.
    pub fn over(&mut self, left: usize) {
        self.asked = self.asked.saturating_sub(left);
    }

    /// NATS refused a request for a reason that passes.
    pub fn refused(&mut self, now: Instant) {
        self.asked = 0;
        self.refused_until = now + REFUSED_WAIT;
    }

    /// No request stands any more.
    pub fn none_stands(&mut self) {
        self.asked = 0;
    }

    /// The consumer is gone.
    pub fn lose(&mut self) {
        self.lost = true;
    }

    /// Who else works with the cursor.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Who else works with the cursor, to be told of others.
    pub fn peers_mut(&mut self) -> &mut Peers {
        &mut self.peers
    }

    /// Takes in that an event was given out; returns which facts to read before it is sorted.
    pub fn came(&mut self, message: &Message, now: Instant) -> Reading {
        self.came_at = Some(now);
        self.hold(message.place);
        self.brought();
        let is_new_consumer = message.delivered <= self.delivered;
        self.delivered = message.delivered;
        self.pending = message.pending;
        // By a consumer that was lost: what we had of it in hand then may have ended since, by facts
        // that were not in the log when it was folded.
        let is_repeated = message.place <= self.highest && !self.has_ended(message.event);
        self.highest = self.highest.max(message.place);
        match (is_new_consumer, message.times > 1 || is_repeated) {
            (true, _) => Reading::All,
            // It was given out before: by a process that is gone, before a restart, or by us.
            (false, true) => Reading::New,
            (false, false) => Reading::None,
        }
    }

    /// An event was given out here.
    pub fn hold(&mut self, place: u64) {
        self.in_hand.insert(place);
    }

    /// An event is acknowledged, or nobody sees to it here any more.
    pub fn let_go(&mut self, place: u64) {
        self.in_hand.remove(&place);
    }

    /// The places of what was given out here and not acknowledged.
    pub fn in_hand(&self) -> &BTreeSet<u64> {
        &self.in_hand
    }

    /// Takes in a fact of ours that is in the log. A delivery that was taken over from the facts may
    /// end before the consumer gives out its event, as if for the first time: only this says so then.
    /// Of others nothing is kept.
    pub fn note(&mut self, fact: &Fact) {
        let place = match fact {
            Fact::AttemptFinished { place, .. } => *place,
            Fact::DeliveryEnded { .. } | Fact::Reported { .. } => None,
        };
        if place.is_some_and(|place| place > self.highest) {
            self.progress.apply(fact);
        }
    }

    /// Decides whether an event is due.
    pub fn sort(&self, message: Message) -> Sorted {
        if !message.meta.is_due_to(self.output) || self.has_ended(message.event) {
            return Sorted::Over(message.receipt);
        }
        let again = self.progress.of(message.event).again();
        Sorted::Due(Box::new(Pulled {
            event: message.event,
            input: message.input,
            meta: message.meta,
            place: message.place,
            stored_at: message.stored_at,
            again,
            sealed: message.payload,
            receipt: Some(message.receipt),
        }))
    }

    /// Whether a delivery has ended, as far as the facts were read.
    pub fn has_ended(&self, event: EventId) -> bool {
        matches!(self.progress.of(event), State::Ended(_))
    }

    /// Whether the consumer is gone.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// When the standing requests are over, even if NATS does not say so; `None` when none stands.
    pub fn over_at(&self) -> Option<Instant> {
        (self.asked > 0).then_some(self.over_at)
    }

    /// Until when nothing is asked because NATS refused, if that lies ahead.
    pub fn refused_until(&self, now: Instant) -> Option<Instant> {
        self.is_refused(now).then_some(self.refused_until)
    }

    /// How many events the stream had for the consumer when NATS last said so.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// The consumer's number of the last delivery.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    fn is_refused(&self, now: Instant) -> bool {
        now < self.refused_until
    }
}

#[cfg(test)]
mod tests;
