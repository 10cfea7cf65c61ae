//! What is left of a courier when its decisions are taken away: it asks, waits, and does.

mod attached;
mod entry;
mod handing;
mod hearing;
mod takeover;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use model::fact::Fact;
use model::order::Key;
use model::progress::State;
use model::record::OrderKey;
use model::request::{Header, Request};
use model::{EventId, retry};
use rand::RngExt as _;
use store::cursor::{Given, Message, Peers, Position, Receipt, Takeover};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::nats::{millis, place};
use super::plan::{Keeps, Weather};
use super::witness::key;
use super::world::{Op, What, World};
use crate::courier::{Handing, ToCourier, Work};
use crate::{DRAIN_MAX, book};

/// A courier with its cursor.
pub(super) struct Holder {
    pub(super) dispatcher: usize,
    pub(super) output: usize,
    pub(super) tx: mpsc::UnboundedSender<ToCourier>,
    rx: mpsc::UnboundedReceiver<ToCourier>,
    work: Option<Work>,
    position: Position,
    phase: Phase,
    /// Another that attaches found the cursor free before it could say so.
    is_second: bool,
    /// Who said first that it holds the cursor.
    held_by: Option<Uuid>,
    /// The search for what one had that vanished.
    seeking: Option<Takeover>,
    is_taken_for_gone: bool,
    signals: VecDeque<Signal>,
    done: Vec<Done>,
    handing: Option<Handing>,
    /// What is handed over, and has a body that is still being sent.
    sending: Option<(Handing, Option<Key>)>,
    is_appending: bool,
    /// Receipts of what came when nothing was asked for any more.
    unheard: Vec<Receipt>,
    pause: u64,
    /// Signals come one after the other.
    pub(super) last_signal_at: u64,
    /// When it looks at what it has to do, whatever happens.
    pub(super) wakes_at: u64,
    /// Which keys are in hand here, and by which event.
    keys: HashMap<EventId, u64>,
    first: Option<EventId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It asks whether others are there.
    Asking,
    /// It listens, and answers once it has attached.
    Attaching,
    Working,
    Rebuilding,
    /// Until its end at the latest; what was on its way has come once it has heard.
    Draining {
        end: u64,
        heard: u64,
    },
    Gone,
}

/// What NATS says.
#[derive(Clone, Debug)]
pub(super) enum Signal {
    Message(Box<Message>),
    Over(usize),
    NoConsumer,
    Reconnected,
    /// Who is silent is known anew.
    Silence,
    /// What another process says of itself.
    Peer(Peer),
}

/// What the processes of a cursor say to each other.
#[derive(Clone, Debug)]
pub(super) enum Peer {
    Asks,
    Attached(Uuid),
    Holds(Uuid),
    Leaves(Uuid),
    /// It wants to know what everyone has in hand, and is that courier.
    Seeks(Uuid, usize),
    Has(Uuid, Vec<u64>),
}

/// What was being done.
#[derive(Clone, Debug)]
pub(super) enum Done {
    Asked {
        is_held: bool,
    },
    Attached {
        is_held: bool,
    },
    Rebuilt,
    Handed,
    /// The whole body.
    Sent,
    Read(u64),
    Looked(Given),
    Appended(Vec<Fact>),
    Tick,
}

impl Holder {
    fn new(dispatcher: usize, output: usize, own: Uuid, world: &World) -> Self {
        let (tx, rx) = mpsc::unbounded_channel();
        let work = Work::new(world.cursor_key(output), tx.clone());
        let (key, now, instant) = (world.cursor_key(output).output, world.wall(), world.instant());
        Self {
            dispatcher,
            output,
            tx,
            rx,
            work: Some(work),
            position: Position::new(key, world.window(), Peers::new(own, false), now, instant),
            phase: Phase::Asking,
            is_second: false,
            held_by: None,
            seeking: None,
            is_taken_for_gone: false,
            signals: VecDeque::new(),
            done: Vec::new(),
            handing: None,
            sending: None,
            is_appending: false,
            unheard: Vec::new(),
            pause: 0,
            last_signal_at: 0,
            wakes_at: 0,
            keys: HashMap::new(),
            first: None,
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Whether what it asks NATS for finds it.
    pub(super) fn hears(&self) -> bool {
        !matches!(self.phase, Phase::Draining { .. } | Phase::Gone)
    }

    /// Whether nothing is left to do.
    pub(super) fn is_idle(&self) -> bool {
        let is_busy = self.is_appending || self.handing.is_some() || self.sending.is_some() || !self.signals.is_empty();
        self.is_gone() || self.work.as_ref().is_none_or(|work| !is_busy && work.book().all_here().0 == 0)
    }

    /// The process is gone, and all that it had in memory.
    pub(super) fn kill(&mut self) {
        self.phase = Phase::Gone;
        self.work = None;
        self.handing = None;
        self.sending = None;
        self.signals.clear();
        self.done.clear();
        self.rx.close();
        while self.rx.try_recv().is_ok() {}
    }
}

impl World {
    /// Starts a courier for an output, unless the dispatcher has one; a session takes part.
    pub(super) fn join(&mut self, dispatcher: usize, output: usize, told: ToCourier) {
        if let Some((holder, sessions)) = &mut self.dispatchers[dispatcher].couriers[output] {
            *sessions += 1;
            let holder = *holder;
            let _ = self.holders[holder].tx.send(told);
            self.turn(holder);
            return;
        }
        let holder = self.holders.len();
        let own = Uuid::from_u64_pair(self.dispatchers[dispatcher].id.0.as_u64_pair().0, self.rng.random());
        let new = Holder::new(dispatcher, output, own, self);
        let _ = new.tx.send(told);
        self.holders.push(new);
        self.dispatchers[dispatcher].couriers[output] = Some((holder, 1));
        self.attach(holder);
    }

    pub(super) fn leave(&mut self, dispatcher: usize, output: usize, told: ToCourier) {
        let Some((holder, sessions)) = &mut self.dispatchers[dispatcher].couriers[output] else { return };
        *sessions -= 1;
        let (holder, is_last) = (*holder, *sessions == 0);
        let _ = self.holders[holder].tx.send(told);
        if is_last {
            self.dispatchers[dispatcher].couriers[output] = None;
        }
        self.turn(holder);
    }

    /// NATS says something to a courier.
    pub(super) fn signal(&mut self, holder: usize, signal: Signal) {
        let at = (self.now + self.short()).max(self.holders[holder].last_signal_at + 1);
        self.holders[holder].last_signal_at = at;
        self.at(at - self.now, What::Signal(holder, self.nats_epoch, signal));
    }

    pub(super) fn signalled(&mut self, holder: usize, signal: Signal) {
        if matches!(self.holders[holder].phase, Phase::Draining { .. }) {
            self.say(|| format!("courier {holder} leaves unheard {signal:?}"));
            match signal {
                Signal::Message(message) => self.holders[holder].unheard.push(message.receipt),
                Signal::Peer(peer) => self.hear_of(holder, peer),
                Signal::Over(_) | Signal::NoConsumer | Signal::Reconnected | Signal::Silence => {}
            }
            return;
        }
        self.holders[holder].signals.push_back(signal);
        self.turn(holder);
    }

    /// The couriers of a dispatcher that were told something hear it.
    pub(super) fn tell(&mut self, dispatcher: usize) {
        for holder in 0..self.holders.len() {
            if self.holders[holder].dispatcher == dispatcher && !self.holders[holder].rx.is_empty() {
                self.turn(holder);
            }
        }
    }

    pub(super) fn is_done(&mut self, holder: usize, done: Done) {
        self.holders[holder].done.push(done);
        self.turn(holder);
    }

    /// A courier does all that it can do now, in the order in which a task may come to it.
    pub(super) fn turn(&mut self, holder: usize) {
        loop {
            if self.holders[holder].is_gone() || self.is_frozen(self.holders[holder].dispatcher) {
                return;
            }
            match self.holders[holder].phase {
                Phase::Asking | Phase::Attaching | Phase::Rebuilding => {
                    let waited =
                        |done: &Done| matches!(done, Done::Asked { .. } | Done::Attached { .. } | Done::Rebuilt);
                    let Some(at) = self.holders[holder].done.iter().position(waited) else { return };
                    let done = self.holders[holder].done.remove(at);
                    self.set_up(holder, &done);
                }
                Phase::Working => {
                    if self.is_stopping(holder) || !self.work(holder).has_session() {
                        self.begin_to_drain(holder);
                    } else if self.holders[holder].position.is_lost() {
                        self.holders[holder].phase = Phase::Rebuilding;
                        let after = self.up_in() + self.few();
                        self.at(after, What::Done(holder, Done::Rebuilt));
                    } else {
                        self.prepare(holder);
                        if !self.one(holder) {
                            return;
                        }
                    }
                }
                Phase::Draining { end, heard } => {
                    self.append(holder);
                    self.leave_waiting(holder);
                    let one = self.holders[holder].is_appending;
                    let is_over = self.work(holder).book().in_hand() == 0 && !self.work(holder).has_facts() && !one;
                    let until = if is_over { heard.min(end) } else { end };
                    if self.now >= until {
                        self.release(holder);
                    } else if !self.one(holder) {
                        self.wake(holder, until - self.now);
                        return;
                    }
                }
                Phase::Gone => return,
            }
            if self.wrong.is_some() {
                return;
            }
        }
    }

    /// Begins what may begin.
    fn prepare(&mut self, holder: usize) {
        self.append(holder);
        self.step_back(holder);
        self.seek(holder);
        let (now, instant, output) = (self.wall(), self.instant(), self.holders[holder].output);
        if self.now >= self.holders[holder].pause {
            if self.holders[holder].position.peers().is_shared() && self.work(holder).is_to_take_over(now) {
                self.look_again(holder);
            }
            if let Some(parked) = self.work(holder).begin_to_read(now) {
                let after = self.up_in() + self.short();
                self.at(after, What::Done(holder, Done::Read(parked.place)));
            }
            let configured = self.configured(output);
            let one = &mut self.holders[holder];
            let (work, position) = (one.work.as_mut().unwrap(), &one.position);
            let begun = work.begin(configured, |event| position.has_ended(event), now);
            for receipt in work.ended_elsewhere() {
                self.acknowledge(holder, Some(receipt));
            }
            if let Some(handing) = begun {
                self.check_open(holder, &handing);
                self.holders[holder].handing = Some(handing);
                let after = self.short();
                self.at(after, What::Done(holder, Done::Handed));
            }
        }
        if !self.work(holder).is_served() {
            self.leave_waiting(holder);
        }
        let wanted = self.work(holder).is_served().then(|| self.work(holder).book().wanted());
        let one = &mut self.holders[holder];
        if let Some(batch) = wanted.and_then(|wanted| one.position.to_ask(wanted, instant)) {
            let expires = 60_000;
            one.position.asked(batch, instant + Duration::from_millis(expires + 5_000));
            let until = self.now + expires;
            self.operate(output, Op::Request { holder, batch, until });
        }
        if let Some(at) = self.holders[holder].position.over_at() {
            self.wake(holder, millis(at.saturating_duration_since(instant)));
        }
        let next = self.work(holder).book().next_at(now).map(|at| millis(at.since(now)));
        let pause = self.holders[holder].pause.checked_sub(self.now).filter(|wait| *wait > 0);
        if let Some(wait) = next.into_iter().chain(pause).min() {
            self.wake(holder, wait);
        }
        self.check_bounds(holder);
    }

    /// Sends the next facts to the log, one message at a time.
    fn append(&mut self, holder: usize) {
        if self.holders[holder].is_appending || !self.work(holder).has_facts() {
            return;
        }
        let facts: Vec<Fact> = self.work(holder).next_facts().into_iter().map(|one| one.fact).collect();
        self.holders[holder].is_appending = true;
        let after = self.up_in() + self.short();
        self.at(after, What::Append(holder, facts));
    }

    fn begin_to_drain(&mut self, holder: usize) {
        self.say(|| format!("courier {holder} drains"));
        let end = self.now + millis(DRAIN_MAX);
        let output = self.holders[holder].output;
        let one = &mut self.holders[holder];
        one.phase = Phase::Draining { end, heard: one.last_signal_at + 1 };
        for signal in std::mem::take(&mut one.signals) {
            if let Signal::Message(message) = signal {
                one.unheard.push(message.receipt);
            }
        }
        if let Some(consumer) = &mut self.nats[output].consumer {
            consumer.forget(holder);
        }
    }

    /// Gives back what is not in hand, if others are there.
    fn leave_waiting(&mut self, holder: usize) {
        if !self.holders[holder].position.peers().is_shared() {
            return;
        }
        let output = self.holders[holder].output;
        for place in self.work(holder).leave_waiting().iter().map(place) {
            self.holders[holder].position.let_go(place);
            self.operate(output, Op::GiveBack(place));
        }
    }

    /// Gives back what has not ended.
    fn release(&mut self, holder: usize) {
        let output = self.holders[holder].output;
        let one = &mut self.holders[holder];
        let mine = one.work.take().map(Work::into_receipts).unwrap_or_default();
        let places: Vec<u64> = mine.iter().chain(&one.unheard).map(place).collect();
        self.say(|| format!("courier {holder} gives back {places:?}"));
        for place in places {
            self.operate(output, Op::GiveBack(place));
        }
        let own = self.holders[holder].position.peers().own();
        self.tell_holders(holder, Peer::Leaves(own));
        self.holders[holder].kill();
    }

    /// What is about to be handed over has not ended, as far as its courier knows.
    fn check_open(&mut self, holder: usize, handing: &Handing) {
        let due = &handing.next.due;
        let (event, place) = (due.event(), due.pulled.place);
        if let State::Ended(ending) = self.holders[holder].position.progress().of(event) {
            self.fail(format!("{place} is attempted by courier {holder}, which knows that it ended as {ending:?}"));
        }
    }

    fn check_bounds(&mut self, holder: usize) {
        let credits = self.plan.credits as usize * self.plan.agents * 4;
        let one = &self.holders[holder];
        let Some(work) = &one.work else { return };
        let book = work.book();
        let receipts = book.receipts().count();
        let most = book::IN_HAND_MAX + book::WAITING_MAX + book::RETRYING_MAX + book::IN_HAND_MAX;
        if book.in_hand() > book::IN_HAND_MAX || receipts > most.max(store::cursor::UNACKED_MAX) {
            self.fail(format!("courier {holder} has {receipts} at hand and {} in hand", book.in_hand()));
        } else if one.rx.len() > 16 + 2 * credits {
            self.fail(format!("{} messages wait for courier {holder}", one.rx.len()));
        }
    }

    pub(super) fn work(&mut self, holder: usize) -> &mut Work {
        self.holders[holder].work.as_mut().unwrap()
    }

    /// The event as it would be opened.
    fn request(&self, place: u64) -> Request {
        let header = Header { name: "x-key".into(), value: key(place).to_string().into() };
        Request { method: "POST".into(), headers: vec![header], ..Request::default() }
    }

    /// How the output keeps order, as people configure it.
    pub(super) fn order(keeps: Keeps) -> model::record::Order {
        match keeps {
            Keeps::Arrival => model::record::Order::Arrival,
            Keeps::Strict => model::record::Order::Strict,
            Keeps::Key => model::record::Order::Key(OrderKey::Header("x-key".into())),
        }
    }

    /// How a destination fares now.
    pub(super) fn weather(&self, output: usize) -> Weather {
        let mut until_now = self.plan.weather.iter().filter(|(at, of, _)| *of == output && *at <= self.now);
        until_now.next_back().map_or(Weather::Fair, |(_, _, weather)| *weather)
    }

    /// For how long a delivery may be tried.
    pub(super) fn window(&self) -> Duration {
        let (output, bucket) = self.configured(0);
        retry::span(&output, &bucket)
    }
}

impl Holder {
    /// Whether it answers others who ask, or is there and does not.
    fn listens(&self) -> bool {
        match self.phase {
            Phase::Attaching | Phase::Working | Phase::Rebuilding | Phase::Draining { .. } => true,
            // It asks first, and listens then.
            Phase::Asking | Phase::Gone => false,
        }
    }
}

fn name(told: &ToCourier) -> String {
    match told {
        ToCourier::Join(_) => "join".to_owned(),
        ToCourier::Leave(_) => "leave".to_owned(),
        ToCourier::Room => "room".to_owned(),
        ToCourier::Finished(event, ended) => format!("{event} finished {:?}", ended.outcome),
        ToCourier::Received(event) => format!("{event} received"),
        ToCourier::Lost(event) => format!("{event} lost"),
        ToCourier::Leaving => "leaving".to_owned(),
    }
}
