//! Senders that go on whatever happens, each webhook with a number of its own.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::Caller;
use model::InputId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::lane::{Answered, Lane, Notes, Told, lock};

/// How many send to each lane, and how long each waits from one webhook to the next.
const SENDERS: u64 = 2;
const PAUSE: Duration = Duration::from_millis(40);
/// After so many webhooks a sender returns to the ingress that it began with.
const HOME_EVERY: u64 = 32;
/// How long a sender waits before it sends the same webhook again.
const AGAIN: Duration = Duration::from_millis(100);

/// All senders.
pub(crate) struct Load {
    stop: watch::Sender<bool>,
    senders: JoinSet<()>,
}

/// One who sends its numbers in order, each until it is accepted; after every refusal at another
/// ingress, as a balancer would.
struct Sender {
    callers: Vec<Caller>,
    /// Which ingress is its own, and which one it calls.
    home: usize,
    turn: usize,
    input: InputId,
    notes: Arc<Mutex<Notes>>,
    next: u64,
    stop: watch::Receiver<bool>,
}

impl Load {
    /// Starts the senders of these lanes; `callers` makes one for each ingress.
    pub(crate) fn start(lanes: &[Lane], callers: impl Fn() -> Vec<Caller>) -> Self {
        let (stop, mut senders) = (watch::Sender::new(false), JoinSet::new());
        for lane in lanes {
            for sender in 0..SENDERS {
                let sender = Sender {
                    callers: callers(),
                    home: usize::try_from(sender).unwrap_or(0),
                    turn: 0,
                    input: lane.bucket.input,
                    notes: lane.notes.clone(),
                    next: lane.first_number(sender),
                    stop: stop.subscribe(),
                };
                lane.notes().is_next(sender.next);
                senders.spawn(sender.run());
            }
        }
        Self { stop, senders }
    }

    /// Ends the senders.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        while let Some(ended) = self.senders.join_next().await {
            ended?;
        }
        Ok(())
    }
}

impl Sender {
    async fn run(mut self) {
        let mut beat = tokio::time::interval(PAUSE);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*self.stop.borrow() {
            beat.tick().await;
            let number = self.next;
            if number.is_multiple_of(HOME_EVERY) {
                self.turn = self.home;
            }
            self.next += 1;
            lock(&self.notes).is_next(self.next);
            while !self.try_once(number).await && !*self.stop.borrow() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// Whether it was accepted.
    async fn try_once(&mut self, number: u64) -> bool {
        let count = self.callers.len();
        let caller = &mut self.callers[self.turn % count];
        let told = match caller.connect().await {
            Err(_) => Told::Unreachable,
            Ok(()) => match caller.post_number(self.input, number).await {
                Some(200) => Told::Accepted,
                Some(_) => Told::Refused,
                None => Told::Unknown,
            },
        };
        if told != Told::Accepted {
            self.turn += 1;
        }
        lock(&self.notes).answers.push(Answered { number, told, at: Instant::now() });
        told == Told::Accepted
    }
}
