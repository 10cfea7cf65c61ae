//! Time, and what is left to chance.

use std::cmp::Reverse;
use std::time::Duration;

use model::UnixMs;
use rand::RngExt as _;
use tokio::time::Instant;

use super::{BEGIN, What, World};

impl World {
    /// Puts something into the calendar, so many milliseconds from now.
    pub(in crate::sim) fn at(&mut self, after: u64, what: What) {
        let tie = self.rng.random();
        self.calendar.push(Reverse((self.now + after, tie, self.entries.len())));
        self.entries.push(Some(what));
    }

    /// A courier looks at what it has to do, at the latest then.
    pub(in crate::sim) fn wake(&mut self, holder: usize, after: u64) {
        let at = self.now + after.max(1);
        let wakes_at = &mut self.holders[holder].wakes_at;
        if *wakes_at <= self.now || at < *wakes_at {
            *wakes_at = at;
            self.at(after.max(1), What::Turn(holder));
        }
    }

    /// A time below `most`.
    pub(in crate::sim) fn jitter(&mut self, most: u64) -> u64 {
        if most == 0 { 0 } else { self.rng.random_range(0..most) }
    }

    /// How long a message takes.
    pub(in crate::sim) fn short(&mut self) -> u64 {
        self.rng.random_range(0..5)
    }

    /// How long a few of them take, back and forth.
    pub(in crate::sim) fn few(&mut self) -> u64 {
        self.rng.random_range(2..30)
    }

    /// How long until NATS is there.
    pub(in crate::sim) fn up_in(&self) -> u64 {
        self.nats_back_at.saturating_sub(self.now)
    }

    pub(in crate::sim) fn wall(&self) -> UnixMs {
        UnixMs(BEGIN + self.now)
    }

    pub(in crate::sim) fn since(&self) -> UnixMs {
        UnixMs(BEGIN)
    }

    pub(in crate::sim) fn instant(&self) -> Instant {
        self.base + Duration::from_millis(self.now)
    }

    pub(super) fn frozen_for(&self, dispatcher: usize) -> Option<u64> {
        let wait = self.dispatchers[dispatcher].frozen_until.saturating_sub(self.now);
        (wait > 0).then_some(wait)
    }

    pub(super) fn agent_frozen(&self, agent: usize) -> Option<u64> {
        let wait = self.agents[agent].frozen_until.saturating_sub(self.now);
        (wait > 0).then_some(wait)
    }
}
