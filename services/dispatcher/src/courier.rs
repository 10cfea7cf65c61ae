//! The task that works on one cursor: takes events from the store, hands them to the sessions of
//! the group, and appends the facts.
//!
//! What is to be done it asks [`Work`], which decides without any I/O.

mod work;

mod aside;

mod conclusion;

mod configured;

mod standing;

mod wait;

use std::sync::Arc;
use std::time::Duration;

use model::fact::Fact;
use model::{EventId, SessionId, UnixMs};
use store::cursor::{Cursor, PROGRESS_EVERY, Pulled, Receipt};
use store::fact::CursorKey;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{info, warn};

use crate::delivery::hand;
use crate::hub::Hub;
use crate::presence::Board;
use crate::session::{Ended, Session};
use crate::{DRAIN_MAX, clock};
use conclusion::Conclusions;
use wait::{Doing, finished, reached};
use work::Read;

pub(crate) use configured::configured;
pub(crate) use work::{Handed, Handing, Work};

/// The wait before something that the store could not do is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(300);

/// What a courier is told.
pub(crate) enum ToCourier {
    /// A session takes part.
    Join(Arc<Session>),
    /// A session begins nothing more. Until it leaves it takes part: who comes meanwhile keeps order with
    /// what it has.
    Leaving,
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

struct Courier {
    hub: Hub,
    key: CursorKey,
    work: Work,
    conclusions: Conclusions,
    /// The attempt that is just being handed over.
    handing: Option<Doing<Handed>>,
    /// The event of a parked delivery that is just being read again.
    reading: Option<Doing<Read>>,
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
        work: Work::new(key, tx),
        handing: None,
        reading: None,
        pause: Instant::now(),
        board,
        last_sent_at: None,
    };
    let Some(mut cursor) = courier.attach(&mut rx).await else { return };
    courier.adopt(&cursor);
    courier.work(&mut cursor, &mut rx).await;
    cursor.stop_asking().await;
    courier.finish(&mut cursor, &mut rx).await;
    cursor.release(courier.work.into_receipts()).await;
}

impl Courier {
    /// Attaches to the cursor, trying until it works; `None` when nobody wants it any more.
    async fn attach(&mut self, rx: &mut mpsc::UnboundedReceiver<ToCourier>) -> Option<Cursor> {
        let stop = self.hub.stop().clone();
        loop {
            while let Ok(told) = rx.try_recv() {
                self.told(told);
            }
            if stop.is_given() || !self.work.has_session() {
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
        while !stop.is_given() && self.work.has_session() {
            if cursor.is_lost() {
                self.rebuild(cursor).await;
            }
            if !self.work.knows(cursor.peers()) {
                // Who left has said in the facts what is left to do.
                self.look_again(cursor).await;
            }
            if cursor.is_taken_for_gone() {
                self.step_back(cursor);
            }
            self.read_parked(cursor).await;
            self.begin(cursor).await;
            if !self.work.is_served() {
                self.leave_waiting(cursor).await;
            } else if let Err(error) = cursor.ask(self.work.book().wanted()).await {
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
                Some(handed) = finished(&mut self.handing) => self.handed(handed),
                // The event of a parked delivery was read.
                Some(read) = finished(&mut self.reading) => self.read(read),
                // Facts are in the log.
                Some(concluded) = self.conclusions.appended(&mut self.work) => self.concluded(cursor, concluded).await,
                // JetStream hears that we still work on what we have.
                _ = progress.tick() => self.still_working(cursor).await,
                // A retry is due, or a pause is over.
                () = reached(next_at) => {}
            }
        }
    }

    /// Lets what is in hand end, within the grace, and brings the last facts into the log.
    async fn finish(&mut self, cursor: &mut Cursor, rx: &mut mpsc::UnboundedReceiver<ToCourier>) {
        let end = Instant::now() + DRAIN_MAX;
        while self.work.book().in_hand() > 0 || self.work.has_facts() || !self.conclusions.is_empty() {
            self.leave_waiting(cursor).await;
            tokio::select! {
                () = sleep_until(end) => return,
                Some(told) = rx.recv() => self.told(told),
                // What is just being handed over still is: the agent may have it already.
                Some(handed) = finished(&mut self.handing) => self.handed(handed),
                Some(concluded) = self.conclusions.appended(&mut self.work) => self.concluded(cursor, concluded).await,
                // Whoever comes to the cursor meanwhile leaves us what we have in hand.
                () = cursor.wind_down() => {}
            }
        }
    }

    /// Gives back what is not in hand, if others are there who need not wait for what is.
    async fn leave_waiting(&mut self, cursor: &mut Cursor) {
        if !cursor.peers().is_shared() {
            return;
        }
        for receipt in self.work.leave_waiting() {
            if let Err(error) = cursor.give_back(&receipt).await {
                self.later("give back an event", &error);
            }
        }
    }

    fn told(&mut self, told: ToCourier) {
        for aside in self.work.told(told, self.configured(), clock::of_log(&self.hub), rand::random()) {
            self.see_to(aside);
        }
    }

    /// Begins the next attempt if one may begin and a session has room.
    async fn begin(&mut self, cursor: &mut Cursor) {
        if self.is_held_up() {
            return;
        }
        let Some(serving) = self.serving() else { return };
        if let Some(handing) = self.work.begin(serving, |event| cursor.has_ended(event), clock::of_log(&self.hub)) {
            self.handing = Some(Box::pin(hand(self.hub.store().clone(), self.key, handing)));
        }
        for receipt in self.work.ended_elsewhere() {
            self.acknowledge(cursor, Some(receipt)).await;
        }
    }

    fn handed(&mut self, handed: Handed) {
        if let Err(error) = self.work.handed(handed, clock::of_log(&self.hub)) {
            self.later("open an event", &error);
        }
    }

    /// Begins to read the event of the parked delivery that is due.
    async fn read_parked(&mut self, cursor: &mut Cursor) {
        if self.is_held_up() || self.serving().is_none() {
            return;
        }
        if cursor.peers().is_shared() && self.work.is_to_take_over(clock::of_log(&self.hub)) {
            // Another may have done it just now.
            self.look_again(cursor).await;
            if self.is_held_up() {
                return;
            }
        }
        if let Some(parked) = self.work.begin_to_read(clock::of_log(&self.hub)) {
            let (store, key) = (self.hub.store().clone(), self.key);
            self.reading =
                Some(Box::pin(async move { store.events().at(key.bucket, key.ephemeral, parked.place).await }));
        }
    }

    fn read(&mut self, read: Read) {
        if let Err(error) = self.work.read(read, clock::of_log(&self.hub)) {
            self.later("read an event again", &error);
        }
    }

    /// Takes over what the facts say is to be tried again.
    fn adopt(&mut self, cursor: &Cursor) {
        if let Some((output, _)) = self.configured() {
            self.work.adopt(cursor.again(), cursor.peers(), &output, clock::of_log(&self.hub));
        }
    }

    /// What follows once facts are in the log.
    async fn concluded(&mut self, cursor: &mut Cursor, facts: Vec<Fact>) {
        for fact in facts {
            cursor.note(&fact);
            self.noted(&fact);
            self.hub.metrics().note(&fact, clock::of_log(&self.hub));
            let receipt = self.work.concluded(&fact, clock::of_log(&self.hub));
            self.acknowledge(cursor, receipt).await;
        }
    }

    async fn took(&mut self, cursor: &mut Cursor, pulled: Pulled) {
        let receipt = self.work.took(pulled, clock::of_log(&self.hub));
        self.acknowledge(cursor, receipt).await;
    }

    async fn acknowledge(&mut self, cursor: &mut Cursor, receipt: Option<Receipt>) {
        let Some(receipt) = receipt else { return };
        if let Err(error) = cursor.acknowledge(&receipt).await {
            self.later("acknowledge an event", &error);
        }
    }

    async fn still_working(&mut self, cursor: &mut Cursor) {
        if cursor.peers().is_shared() {
            self.look_again(cursor).await;
        }
        for receipt in self.work.book().receipts() {
            if let Err(error) = cursor.in_progress(receipt).await {
                warn!(output = %self.key.output, %error, "cannot say that an event is in progress");
                return;
            }
        }
    }

    /// Leaves what was not begun to others, who may have it by now; begins nothing while they may take it.
    fn step_back(&mut self, cursor: &mut Cursor) {
        self.work.let_go().iter().for_each(|receipt| cursor.let_go(receipt));
        self.pause = Instant::now() + RETRY_WAIT;
    }

    /// Takes in what others did.
    async fn look_again(&mut self, cursor: &mut Cursor) {
        match cursor.look_again(clock::of_log(&self.hub)).await {
            Ok(()) => self.adopt(cursor),
            Err(error) => self.later("read the facts of others", &error),
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
        let wait = self.work.book().next_at(wall).map(|at| at.since(wall));
        let pause = Some(self.pause).filter(|at| *at > now);
        wait.map(|wait| now + wait).into_iter().chain(pause).min()
    }
}
