//! Attempts that are under way, and outcomes that the dispatcher has perhaps not got.
//!
//! When a session is lost, the dispatcher asks again for what it has no outcome of. An attempt
//! that is still under way is then joined, and one that is over is answered from memory, so that
//! the destination does not get the event twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::job::{Attempt, Ended, Ticket};

/// How many outcomes are remembered; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 8192;
/// How long an outcome is remembered: a dispatcher that lost it asks again within this time, also when it
/// has to wait for its turn among several.
const REMEMBERED_TIME_MAX: Duration = Duration::from_secs(600);

/// The attempts of one agent. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    under_way: HashMap<Attempt, Vec<Ticket>>,
    remembered: HashMap<Attempt, (Ended, Instant)>,
    /// In the order of remembering; may name attempts that were taken out since.
    order: VecDeque<(Attempt, Instant)>,
}

/// What became of an attempt that was to begin.
#[derive(Debug)]
pub enum Begun {
    /// It is the caller's to make.
    Here(UnderWay),
    /// It is being made, or was made already, or nobody waits for it any more; the ticket is taken
    /// care of.
    Elsewhere,
}

/// An attempt under way; dropped without a finish, it is given up.
#[derive(Debug)]
pub struct UnderWay {
    ledger: Ledger,
    attempt: Attempt,
    is_finished: bool,
}

impl Ledger {
    /// Takes in that an attempt is to begin for whoever has the ticket.
    pub fn begin(&self, attempt: Attempt, ticket: Ticket, now: Instant) -> Begun {
        if ticket.is_orphaned() {
            return Begun::Elsewhere;
        }
        let mut books = self.lock();
        if let Some(ended) = books.recall(attempt, now) {
            drop(books);
            ticket.report(ended);
            return Begun::Elsewhere;
        }
        let tickets = books.under_way.entry(attempt).or_default();
        tickets.push(ticket);
        match tickets.len() {
            1 => Begun::Here(UnderWay { ledger: self.clone(), attempt, is_finished: false }),
            _ => Begun::Elsewhere,
        }
    }

    /// Remembers an outcome that the dispatcher has perhaps not got.
    pub fn remember(&self, ended: Ended, now: Instant) {
        self.lock().remember(ended, now);
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn remember(&mut self, ended: Ended, now: Instant) {
        let attempt = ended.attempt;
        self.remembered.insert(attempt, (ended.without_answer(), now));
        self.order.push_back((attempt, now));
        while self.order.front().is_some_and(|(_, at)| self.order.len() > REMEMBERED_MAX || is_old(*at, now)) {
            let Some((attempt, at)) = self.order.pop_front() else { break };
            if self.remembered.get(&attempt).is_some_and(|(_, since)| *since == at) {
                self.remembered.remove(&attempt);
            }
        }
    }

    fn recall(&mut self, attempt: Attempt, now: Instant) -> Option<Ended> {
        let (ended, since) = self.remembered.remove(&attempt)?;
        (!is_old(since, now)).then_some(ended)
    }
}

impl UnderWay {
    /// Reports to everyone who asked; remembers the outcome if nobody is left.
    pub fn finish(mut self, ended: Ended, now: Instant) {
        self.is_finished = true;
        let mut books = self.ledger.lock();
        let tickets = books.under_way.remove(&self.attempt).unwrap_or_default();
        let reported = tickets.into_iter().filter_map(|ticket| ticket.report(ended.clone()).then_some(())).count() > 0;
        if !reported {
            books.remember(ended, now);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.is_finished {
            let given_up = self.ledger.lock().under_way.remove(&self.attempt);
            drop(given_up);
        }
    }
}

fn is_old(at: Instant, now: Instant) -> bool {
    now.duration_since(at) >= REMEMBERED_TIME_MAX
}

#[cfg(test)]
mod tests;
