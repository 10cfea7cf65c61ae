//! The task that works on one cursor: takes events from the store, hands them to the sessions of
//! the group, and appends the facts.

mod aside;

mod conclusion;

mod configured;

mod parking;

mod standing;

mod wait;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::fact::{Ending, Fact, Outcome};
use model::order::Key;
use model::reason::Reason;
use model::record::Output;
use model::{EventId, SessionId, UnixMs, retry};
use store::answer::Given;
use store::cursor::{Cursor, PROGRESS_EVERY, Pulled, Receipt};
use store::fact::CursorKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{error, info, warn};

use crate::book::{Book, Due, Limits};
use crate::delivery::{Next, NotHanded, hand};
use crate::hub::Hub;
use crate::presence::Board;
use crate::session::{Ended, Line, Session};
use crate::{DRAIN_MAX, clock};
use conclusion::Conclusions;
use parking::Read;
use wait::{Doing, finished, reached};

pub(crate) use configured::configured;

/// The wait before something that the store could not do is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// What a courier is told.
pub(crate) enum ToCourier {
    /// A session takes part.
    Join(Arc<Session>),
    /// A session takes no part any more.
    Leave(SessionId),
    /// A session has room again.
    Room,
    /// An attempt ended.
    Finished(EventId, Ended),
    /// A client has received the event; it does not say more.
    Received(EventId),
    /// The session that made the attempt is gone.
    Lost(EventId),
}

type Handed = Result<Option<Key>, NotHanded>;
type Handing = Doing<Handed>;

struct Courier {
    hub: Hub,
    key: CursorKey,
    tx: mpsc::UnboundedSender<ToCourier>,
    sessions: VecDeque<Arc<Session>>,
    book: Book,
    conclusions: Conclusions,
    /// The attempt that is just being handed over; one at a time keeps the order.
    handing: Option<(EventId, Handing)>,
    /// The event of a parked delivery that is just being read again.
    reading: Option<(EventId, Doing<Read>)>,
    /// Nothing is begun before this time, because the store could not do something.
    pause: Instant,
    /// Where it is said how the cursor stands.
    board: Arc<Board>,
    /// When a delivery last ended as sent here.
    last_sent_at: Option<UnixMs>,
}

/// Works on a cursor until its last session has left, or until told to stop.
pub(crate) async fn run(
    hub: Hub,
    key: CursorKey,
    board: Arc<Board>,
    tx: mpsc::UnboundedSender<ToCourier>,
    mut rx: mpsc::UnboundedReceiver<ToCourier>,
) {
    let mut courier = Courier {
        conclusions: Conclusions::new(hub.store().clone(), key),
        hub,
        key,
        tx,
        sessions: VecDeque::new(),
        book: Book::new(),
        handing: None,
        reading: None,
        pause: Instant::now(),
        board,
        last_sent_at: None,
    };
    let Some(mut cursor) = courier.attach(&mut rx).await else { return };
    courier.adopt(&cursor);
    courier.work(&mut cursor, &mut rx).await;
    let unheard = cursor.stop_asking().await;
    courier.finish(&mut cursor, &mut rx).await;
    cursor.release(courier.book.into_receipts().into_iter().chain(unheard)).await;
}

impl Courier {
    /// Attaches to the cursor, trying until it works; `None` when nobody wants it any more.
    async fn attach(&mut self, rx: &mut mpsc::UnboundedReceiver<ToCourier>) -> Option<Cursor> {
        let stop = self.hub.stop().clone();
        loop {
            while let Ok(told) = rx.try_recv() {
                self.told(told);
            }
            if stop.is_given() || self.sessions.is_empty() {
                return None;
            }
            if let Some((span, since)) = self.wanted_by() {
                let place = self.hub.setup_place().await;
                let attached =
                    Box::pin(Cursor::attach(self.hub.store(), self.key, span, since, clock::of_log(&self.hub))).await;
                drop(place);
                match attached {
                    Ok(cursor) => return Some(cursor),
                    Err(error) => warn!(output = %self.key.output, %error, "cannot attach to a cursor; trying again"),
                }
            }
            stop.or(tokio::time::sleep(RETRY_WAIT)).await;
        }
    }

    /// Works until told to stop or until the last session has left.
    async fn work(&mut self, cursor: &mut Cursor, rx: &mut mpsc::UnboundedReceiver<ToCourier>) {
        let stop = self.hub.stop().clone();
        let mut progress = interval(PROGRESS_EVERY);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_given() && !self.sessions.is_empty() {
            if cursor.is_lost() {
                self.rebuild(cursor).await;
            }
            self.read_parked();
            self.begin();
            if let Err(error) = cursor.ask(self.book.wanted()).await {
                self.later("ask for events", &error);
            }
            self.stand(cursor);
            let next_at = self.next_at();
            tokio::select! {
                // The end of the work.
                () = stop.given() => return,
                // Sessions come, go, and report.
                Some(told) = rx.recv() => self.told(told),
                // Events come; or the cursor has something to see to.
                happened = cursor.happens() => match cursor.take(happened, clock::of_log(&self.hub)).await {
                    Ok(Some(pulled)) => self.took(cursor, pulled).await,
                    Ok(None) => {}
                    Err(error) => self.later("take an event", &error),
                },
                // An attempt was handed over, or could not be.
                Some((event, handed)) = finished(&mut self.handing) => self.handed(event, handed),
                // The event of a parked delivery was read.
                Some((event, read)) = finished(&mut self.reading) => self.read(event, read),
                // Facts are in the log.
                Some(concluded) = self.conclusions.appended() => self.concluded(cursor, concluded).await,
                // JetStream hears that we still work on what we have.
                _ = progress.tick() => self.still_working(cursor).await,
                // A retry is due, or a pause is over.
                () = reached(next_at) => {}
            }
        }
    }

    /// Lets what is in hand end, within the grace, and brings the last facts into the log.
    async fn finish(&mut self, cursor: &mut Cursor, rx: &mut mpsc::UnboundedReceiver<ToCourier>) {
        if let Some((event, _)) = self.handing.take() {
            self.withdraw(event);
            self.book.put_back(event);
        }
        let end = Instant::now() + DRAIN_MAX;
        while self.book.in_hand() > 0 || !self.conclusions.is_empty() {
            tokio::select! {
                () = sleep_until(end) => return,
                Some(told) = rx.recv() => self.told(told),
                Some(concluded) = self.conclusions.appended() => self.concluded(cursor, concluded).await,
                // Whoever comes to the cursor meanwhile leaves us what we have in hand.
                () = cursor.say_held() => {}
            }
        }
    }

    fn told(&mut self, told: ToCourier) {
        match told {
            ToCourier::Join(session) => {
                if let Line::Socket(_) = session.line() {
                    self.book.open_up();
                }
                self.sessions.push_back(session);
            }
            ToCourier::Leave(id) => self.sessions.retain(|s| s.id() != id),
            ToCourier::Room => {}
            ToCourier::Lost(event) => self.book.lost(event),
            ToCourier::Received(event) => {
                self.book.note(true, clock::of_log(&self.hub));
                self.end(event, Ending::Sent, None);
            }
            ToCourier::Finished(event, ended) => self.finished(event, ended),
        }
    }

    /// Begins the next attempt if one may begin and a session has room.
    fn begin(&mut self) {
        if self.handing.is_some() || self.is_held_up() {
            return;
        }
        let Some((output, bucket)) = self.serving() else { return };
        self.book.allow(Limits::of(&output));
        while let Some(due) = self.book.begin(clock::of_log(&self.hub)) {
            let event = due.event();
            if let Some((ending, reason)) =
                retry::too_late(&output, &bucket, due.attempt, due.pulled.stored_at, clock::of_log(&self.hub))
            {
                self.end(event, ending, reason);
                continue;
            }
            match self.hand_to_someone(due, Arc::clone(&output)) {
                Some(handing) => self.handing = Some((event, handing)),
                None => self.book.put_back(event),
            }
            return;
        }
    }

    /// Gives the attempt to the next session that has room; every session that has none tells us
    /// when it has.
    fn hand_to_someone(&mut self, due: Due, output: Arc<Output>) -> Option<Handing> {
        for _ in 0..self.sessions.len() {
            self.sessions.rotate_left(1);
            let session = Arc::clone(self.sessions.back()?);
            if let Some((number, span)) = session.begin(&self.tx, self.key, &due, self.book.is_suspect()) {
                let (store, busy) = (self.hub.store().clone(), self.book.busy_keys());
                let next = Next { number, span, due, output };
                return Some(Box::pin(hand(store, session, self.key, next, busy)));
            }
        }
        None
    }

    fn handed(&mut self, event: EventId, handed: Handed) {
        match handed {
            // A session that is gone tells us about all that it had.
            Ok(key) => self.book.begun(event, key, clock::of_log(&self.hub)),
            Err(NotHanded::SessionGone) => {}
            Err(NotHanded::Behind(key)) => {
                self.withdraw(event);
                self.book.wait_for_key(event, key);
            }
            Err(NotHanded::Unreadable(error)) => {
                error!(%event, %error, "an event cannot be opened; its delivery has failed");
                self.withdraw(event);
                self.end(event, Ending::Failed, Some(Reason::Unreadable));
            }
            Err(NotHanded::Unfit(reason)) => {
                self.withdraw(event);
                self.end(event, Ending::Failed, Some(reason));
            }
            Err(NotHanded::Rejected) => {
                self.withdraw(event);
                self.end(event, Ending::Rejected, Some(Reason::Rules));
            }
            Err(NotHanded::Later(error)) => {
                self.withdraw(event);
                self.book.put_back(event);
                self.later("open an event", &error);
            }
        }
    }

    fn withdraw(&self, event: EventId) {
        self.sessions.iter().for_each(|s| s.withdraw(&self.key, event));
    }

    fn finished(&mut self, event: EventId, ended: Ended) {
        let Some(due) = self.book.conclude(event) else { return };
        let Ended { outcome, duration_ms, reason, answer } = ended;
        let now = clock::of_log(&self.hub);
        let Some((output, bucket)) = self.configured() else {
            // Deleted meanwhile: nobody wants to know.
            let reason = Some(Reason::Deleted);
            self.conclusions.push(Fact::DeliveryEnded { event, at: now, ending: Ending::Failed, reason }, None);
            return;
        };
        let retry_after = answer.as_ref().and_then(|answer| retry::retry_after(&answer.headers, now));
        let deadline = due.pulled.stored_at.plus(retry::span(&output, &bucket));
        let attempt = retry::Attempt { number: due.attempt, outcome, retry_after };
        let next = retry::next(&output, attempt, now, deadline, rand::random());
        if let Some(paused) = self.book.note(matches!(outcome, Outcome::Answered(status) if status < 500), now) {
            self.pause_output(paused);
        }
        let place = Some(due.pulled.place);
        let attempt = due.attempt;
        let fact =
            Fact::AttemptFinished { event, at: now, attempt, outcome, duration_ms, next, reason, place, answer: None };
        let answer = answer.map(|answer| Given { event, output: self.key.output, answer: *answer });
        if let (Some(to), Some(given)) = (due.pulled.meta.answer_to, &answer) {
            self.bring(to, given.clone());
        }
        self.conclusions.push(fact, answer.filter(|_| !self.key.ephemeral));
    }

    fn end(&mut self, event: EventId, ending: Ending, reason: Option<Reason>) {
        if self.book.conclude(event).is_some() {
            let fact = Fact::DeliveryEnded { event, at: clock::of_log(&self.hub), ending, reason };
            self.conclusions.push(fact, None);
        }
    }

    /// What follows once facts are in the log.
    async fn concluded(&mut self, cursor: &Cursor, facts: Vec<Fact>) {
        for fact in facts {
            self.noted(&fact);
            self.hub.metrics().note(&fact, clock::of_log(&self.hub));
            let receipt = match conclusion::retry_at(&fact) {
                Some(at) => self.book.retry(fact.event(), at, clock::of_log(&self.hub)),
                None => self.book.ended(fact.event()),
            };
            self.acknowledge(cursor, receipt).await;
        }
    }

    async fn took(&mut self, cursor: &Cursor, pulled: Pulled) {
        let receipt = self.book.take(pulled, clock::of_log(&self.hub));
        self.acknowledge(cursor, receipt).await;
    }

    async fn acknowledge(&mut self, cursor: &Cursor, receipt: Option<Receipt>) {
        let Some(receipt) = receipt else { return };
        if let Err(error) = cursor.acknowledge(&receipt).await {
            self.later("acknowledge an event", &error);
        }
    }

    async fn still_working(&mut self, cursor: &mut Cursor) {
        if cursor.is_shared() {
            match cursor.look_again(clock::of_log(&self.hub)).await {
                Ok(()) => self.adopt(cursor),
                Err(error) => self.later("read the facts of others", &error),
            }
        }
        for receipt in self.book.receipts() {
            if let Err(error) = cursor.in_progress(receipt).await {
                warn!(output = %self.key.output, %error, "cannot say that an event is in progress");
                return;
            }
        }
    }

    async fn rebuild(&mut self, cursor: &mut Cursor) {
        let Some((span, since)) = self.wanted_by() else { return };
        let place = self.hub.setup_place().await;
        let rebuilt = Box::pin(cursor.rebuild(span, since, clock::of_log(&self.hub))).await;
        drop(place);
        match rebuilt {
            Ok(()) => {
                self.adopt(cursor);
                info!(output = %self.key.output, "the cursor was made again");
            }
            Err(error) => {
                warn!(output = %self.key.output, %error, "cannot make the cursor again; trying again");
                tokio::time::sleep(RETRY_WAIT).await;
            }
        }
    }

    fn later(&mut self, what: &str, error: &store::Error) {
        warn!(output = %self.key.output, %error, "cannot {what} now; trying again");
        self.pause = Instant::now() + RETRY_WAIT;
    }

    /// Whether nothing is begun now.
    fn is_held_up(&self) -> bool {
        Instant::now() < self.pause || self.hub.stop().is_given()
    }

    /// When something is to be done even if nothing happens: a retry is due, or a pause is over.
    fn next_at(&self) -> Option<Instant> {
        let (now, wall) = (Instant::now(), clock::of_log(&self.hub));
        let wait = self.book.next_at(wall).map(|at| at.since(wall));
        let pause = Some(self.pause).filter(|at| *at > now);
        wait.map(|wait| now + wait).into_iter().chain(pause).min()
    }
}
