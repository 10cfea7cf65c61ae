//! What a courier decides, without any I/O: it is told what happened, and says what is to be done.
//!
//! The courier carries it out. So does the simulator in [`crate::sim`], which drives the same
//! decisions through faults.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::fact::{Ending, Fact, Next, Outcome};
use model::order::Key;
use model::progress::Again;
use model::reason::Reason;
use model::record::{Bucket, Output, Paused};
use model::{EventId, UnixMs, retry};
use store::answer::Given;
use store::cursor::{ACK_WAIT, PROGRESS_EVERY, Peers, Pulled, Receipt};
use store::event::Stored;
use store::fact::CursorKey;
use tokio::sync::mpsc;
use tracing::{Span, error};

use super::ToCourier;
use crate::book::{Book, Due, Limits, Parked};
use crate::delivery::{self, NotHanded};
use crate::session::{Ended, Line, Session};

/// The most facts in one message: far below the size limit of a message.
const FACTS_MAX: usize = 512;

/// An output and its bucket, as people configured them.
pub(crate) type Configured = (Arc<Output>, Arc<Bucket>);
/// What came of handing an attempt over: the key that the event has then, where order is kept by key.
pub(crate) type Handed = Result<Option<Key>, NotHanded>;
/// What came of reading the event of a parked delivery.
pub(crate) type Read = Result<Option<Stored>, store::Error>;

/// The decisions of one courier.
pub(crate) struct Work {
    key: CursorKey,
    tx: mpsc::UnboundedSender<ToCourier>,
    sessions: VecDeque<Arc<Session>>,
    book: Book,
    /// The attempt that is just being handed over; one at a time keeps the order.
    handing: Option<(EventId, Arc<Session>)>,
    /// The parked delivery whose event is just being read again.
    reading: Option<EventId>,
    /// The facts that are not yet on their way into the log.
    facts: Vec<Concluded>,
    /// What to acknowledge of deliveries that ended elsewhere.
    elsewhere: Vec<Receipt>,
    /// Who else works on the cursor, and since when they are known.
    company: Option<(Peers, UnixMs)>,
}

/// A fact, and the answer that it tells of.
pub(crate) struct Concluded {
    pub(crate) fact: Fact,
    pub(crate) answer: Option<Given>,
}

/// An attempt to be handed to a session.
pub(crate) struct Handing {
    pub(crate) session: Arc<Session>,
    pub(crate) next: delivery::Next,
    /// The keys that others have, where order is kept by key.
    pub(crate) busy: Option<HashSet<Key>>,
}

/// What is to be done beside everything else.
pub(crate) enum Aside {
    /// An answer is to be brought to the caller who waits for it.
    Bring { to: String, given: Given },
    /// The output is to be paused.
    Pause(Paused),
}

impl Work {
    /// The work on a cursor; sessions tell it by `tx`.
    pub(crate) fn new(key: CursorKey, tx: mpsc::UnboundedSender<ToCourier>) -> Self {
        let (sessions, facts, elsewhere) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { key, tx, sessions, book: Book::new(), handing: None, reading: None, facts, elsewhere, company: None }
    }

    /// What is at hand.
    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// Whether a session takes part.
    pub(crate) fn has_session(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Whether a session takes part that may begin something.
    pub(crate) fn is_served(&self) -> bool {
        self.sessions.iter().any(|session| !session.is_closed())
    }

    /// Takes in what the courier was told. `configured` is `None` when the output was deleted;
    /// `jitter` in 0..=1 spreads retries.
    pub(crate) fn told(
        &mut self,
        told: ToCourier,
        configured: Option<Configured>,
        now: UnixMs,
        jitter: f64,
    ) -> Vec<Aside> {
        match told {
            ToCourier::Join(session) => {
                if let Line::Socket(_) = session.line() {
                    self.book.open_up();
                }
                self.sessions.push_back(session);
            }
            ToCourier::Leave(id) => self.sessions.retain(|s| s.id() != id),
            ToCourier::Leaving | ToCourier::Room => {}
            ToCourier::Lost(event) => self.book.lost(event),
            ToCourier::Received(event) => {
                self.book.note(true, now);
                self.end(event, Ending::Sent, None, now);
            }
            ToCourier::Finished(event, ended) => return self.finished(event, ended, configured, now, jitter),
        }
        Vec::new()
    }

    /// The next attempt, if one may begin and a session has room. [`Work::handed`] says what came
    /// of it. `has_ended` is what the facts say: another dispatcher that works on the cursor may
    /// have ended what is at hand here.
    pub(crate) fn begin(
        &mut self,
        (output, bucket): Configured,
        has_ended: impl Fn(EventId) -> bool,
        now: UnixMs,
    ) -> Option<Handing> {
        if self.handing.is_some() {
            return None;
        }
        self.book.allow(Limits::of(&output));
        while let Some(due) = self.book.begin(now) {
            let event = due.event();
            if has_ended(event) {
                self.elsewhere.extend(self.book.ended_elsewhere(event));
                continue;
            }
            if let Some((ending, reason)) = retry::too_late(&output, &bucket, due.attempt, due.pulled.stored_at, now) {
                self.end(event, ending, reason, now);
                continue;
            }
            match self.session_for(&due) {
                Some((session, number, span)) => {
                    self.handing = Some((event, Arc::clone(&session)));
                    let next = delivery::Next { number, span, due, output };
                    return Some(Handing { session, next, busy: self.book.busy_keys() });
                }
                None => self.book.put_back(event),
            }
            return None;
        }
        None
    }

    /// Takes in what came of the attempt that was being handed over.
    ///
    /// # Errors
    /// What passes; the attempt is the next one again then.
    pub(crate) fn handed(&mut self, handed: Handed, now: UnixMs) -> Result<(), store::Error> {
        let Some((event, session)) = self.handing.take() else { return Ok(()) };
        match handed {
            // A session that is gone tells us about all that it had.
            Ok(key) => self.book.begun(event, key, now),
            Err(NotHanded::SessionGone) => {}
            Err(NotHanded::Behind(key)) => {
                session.withdraw(&self.key, event);
                self.book.wait_for_key(event, key);
            }
            Err(NotHanded::Unreadable(error)) => {
                error!(%event, %error, "an event cannot be opened; its delivery has failed");
                session.withdraw(&self.key, event);
                self.end(event, Ending::Failed, Some(Reason::Unreadable), now);
            }
            Err(NotHanded::Unfit(reason)) => {
                session.withdraw(&self.key, event);
                self.end(event, Ending::Failed, Some(reason), now);
            }
            Err(NotHanded::Rejected) => {
                session.withdraw(&self.key, event);
                self.end(event, Ending::Rejected, Some(Reason::Rules), now);
            }
            Err(NotHanded::Later(error)) => {
                session.withdraw(&self.key, event);
                self.book.put_back(event);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What to acknowledge of deliveries that ended elsewhere.
    pub(crate) fn ended_elsewhere(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.elsewhere)
    }

    /// The next facts to append, at most one message of them.
    pub(crate) fn next_facts(&mut self) -> Vec<Concluded> {
        let rest = self.facts.split_off(self.facts.len().min(FACTS_MAX));
        std::mem::replace(&mut self.facts, rest)
    }

    /// Whether facts wait to be appended.
    pub(crate) fn has_facts(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Takes in that a fact is in the log; returns what to acknowledge.
    pub(crate) fn concluded(&mut self, fact: &Fact, now: UnixMs) -> Option<Receipt> {
        match retry_at(fact) {
            Some(at) => self.book.retry(fact.event(), at, now),
            None => self.book.ended(fact.event()),
        }
    }

    /// Takes in an event; returns what to acknowledge.
    pub(crate) fn took(&mut self, pulled: Pulled, now: UnixMs) -> Option<Receipt> {
        self.book.take(pulled, now)
    }

    /// Whether something was taken over since others came or left.
    pub(crate) fn knows(&self, peers: &Peers) -> bool {
        self.company.as_ref().is_some_and(|(known, _)| known == peers)
    }

    /// Takes over what the facts say is to be tried again, unless the consumer gives it out first. Where
    /// other dispatchers work on the cursor too, or have, the one that has it is given the time of an
    /// attempt; then each of the others in its turn, and has read by its own whether one before it did.
    pub(crate) fn adopt(
        &mut self,
        again: impl IntoIterator<Item = (EventId, Again)>,
        peers: &Peers,
        output: &Output,
        now: UnixMs,
    ) {
        if !self.knows(peers) {
            self.company = Some((peers.clone(), now));
            self.book.give_up_adopted();
        }
        let since = self.company.as_ref().map_or(now, |(_, since)| *since);
        let (first, each) = match peers.was_shared() {
            true => (ACK_WAIT + output.timeout(), output.timeout() + 2 * PROGRESS_EVERY),
            false => (PROGRESS_EVERY, Duration::ZERO),
        };
        let grace = |event| first + each * u32::try_from(peers.turn(event)).unwrap_or(u32::MAX);
        self.book.adopt(again, |event, at| at.max(since).plus(grace(event)));
    }

    /// Whether the parked delivery whose event is to be read now was taken over from the facts.
    pub(crate) fn is_to_take_over(&self, now: UnixMs) -> bool {
        self.reading.is_none() && self.book.parked_due(now).is_some_and(|(_, parked)| parked.adopted)
    }

    /// The parked delivery whose event is to be read now, one at a time. [`Work::read`] says what
    /// came of it.
    pub(crate) fn begin_to_read(&mut self, now: UnixMs) -> Option<Parked> {
        if self.reading.is_some() {
            return None;
        }
        let (event, parked) = self.book.parked_due(now)?;
        self.reading = Some(event);
        Some(parked)
    }

    /// The event of the parked delivery was read, or is no longer kept.
    ///
    /// # Errors
    /// What passes; the delivery stays parked then.
    pub(crate) fn read(&mut self, read: Read, now: UnixMs) -> Result<(), store::Error> {
        let Some(event) = self.reading.take() else { return Ok(()) };
        match read? {
            // After a loss of what was in memory, another event lies in its place.
            Some(stored) if stored.event == event => self.book.unpark(pulled(stored), now),
            // It may have been given out again meanwhile, and be at hand.
            _ if !self.book.forget_parked(event) => {}
            _ => self.push(Fact::DeliveryEnded { event, at: now, ending: Ending::Expired, reason: None }, None),
        }
        Ok(())
    }

    /// Leaves what is not in hand to others; returns what it is given back by.
    pub(crate) fn leave_waiting(&mut self) -> Vec<Receipt> {
        self.book.leave_waiting()
    }

    /// Forgets what was not begun, and is not parked: others have it. Returns what it was to be acknowledged by.
    pub(crate) fn let_go(&mut self) -> Vec<Receipt> {
        self.book.let_go()
    }

    /// What to acknowledge everything that has not ended by, in the order in which it came.
    pub(crate) fn into_receipts(self) -> Vec<Receipt> {
        self.book.into_receipts()
    }

    /// The next session that has room; every session that has none tells us when it has.
    fn session_for(&mut self, due: &Due) -> Option<(Arc<Session>, u64, Span)> {
        for _ in 0..self.sessions.len() {
            self.sessions.rotate_left(1);
            let session = self.sessions.back()?;
            if let Some((number, span)) = session.begin(&self.tx, self.key, due, self.book.is_suspect()) {
                return Some((Arc::clone(session), number, span));
            }
        }
        None
    }

    fn finished(
        &mut self,
        event: EventId,
        ended: Ended,
        configured: Option<Configured>,
        now: UnixMs,
        jitter: f64,
    ) -> Vec<Aside> {
        let mut asides = Vec::new();
        let Some(due) = self.book.conclude(event) else { return asides };
        let Ended { outcome, duration_ms, reason, answer } = ended;
        let Some((output, bucket)) = configured else {
            // Deleted meanwhile: nobody wants to know.
            let reason = Some(Reason::Deleted);
            self.push(Fact::DeliveryEnded { event, at: now, ending: Ending::Failed, reason }, None);
            return asides;
        };
        let retry_after = answer.as_ref().and_then(|answer| retry::retry_after(&answer.headers, now));
        let deadline = due.pulled.stored_at.plus(retry::span(&output, &bucket));
        let attempt = retry::Attempt { number: due.attempt, outcome, retry_after };
        let next = retry::next(&output, attempt, now, deadline, jitter);
        let paused = self.book.note(matches!(outcome, Outcome::Answered(status) if status < 500), now);
        asides.extend(paused.map(Aside::Pause));
        let place = Some(due.pulled.place);
        let attempt = due.attempt;
        let fact =
            Fact::AttemptFinished { event, at: now, attempt, outcome, duration_ms, next, reason, place, answer: None };
        let answer = answer.map(|answer| Given { event, output: self.key.output, answer: *answer });
        if let (Some(to), Some(given)) = (due.pulled.meta.answer_to, &answer) {
            asides.push(Aside::Bring { to, given: given.clone() });
        }
        self.push(fact, answer.filter(|_| !self.key.ephemeral));
        asides
    }

    fn end(&mut self, event: EventId, ending: Ending, reason: Option<Reason>, now: UnixMs) {
        if self.book.conclude(event).is_some() {
            self.push(Fact::DeliveryEnded { event, at: now, ending, reason }, None);
        }
    }

    fn push(&mut self, fact: Fact, answer: Option<Given>) {
        self.facts.push(Concluded { fact, answer });
    }
}

/// When the delivery is tried again, if it is.
fn retry_at(fact: &Fact) -> Option<UnixMs> {
    match fact {
        Fact::AttemptFinished { next: Next::RetryAt(at), .. } => Some(*at),
        Fact::AttemptFinished { next: Next::End(_), .. } | Fact::DeliveryEnded { .. } | Fact::Reported { .. } => None,
    }
}

fn pulled(stored: Stored) -> Pulled {
    let Stored { event, input, meta, place, stored_at, sealed } = stored;
    Pulled { event, input, meta, place, stored_at, again: None, sealed, receipt: None }
}
