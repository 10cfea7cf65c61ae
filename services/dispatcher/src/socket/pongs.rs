//! Which webhooks a client has received: those whose frames were written before a ping that it has
//! answered. Frames are ordered, so the pong proves it. Pongs answer pings in their order; one that
//! answers none proves nothing.

use std::collections::VecDeque;

use super::CREDITS;

/// How many may be without a proof before it is looked which of them need one: no more than
/// [`CREDITS`] are in flight, and a client that never answers a ping may report over REST for days.
const UNPROVEN_MAX: usize = 2 * CREDITS as usize;

/// What was written and what is proven of it.
#[derive(Debug, Default)]
pub(super) struct Pongs {
    pings: u64,
    pongs: u64,
    /// Written since the last ping.
    written: Vec<u64>,
    /// Written before a ping of that number.
    marked: VecDeque<(u64, Vec<u64>)>,
}

impl Pongs {
    /// A webhook's frame was written. Returns whether a ping should follow: no other is under way. What
    /// is not in flight any more has been settled in another way.
    pub(super) fn wrote(&mut self, number: u64, is_in_flight: impl Fn(u64) -> bool) -> bool {
        if self.unproven() >= UNPROVEN_MAX {
            self.written.retain(|number| is_in_flight(*number));
            for (_, numbers) in &mut self.marked {
                numbers.retain(|number| is_in_flight(*number));
            }
            self.marked.retain(|(_, numbers)| !numbers.is_empty());
        }
        self.written.push(number);
        self.pings == self.pongs
    }

    fn unproven(&self) -> usize {
        self.written.len() + self.marked.iter().map(|(_, numbers)| numbers.len()).sum::<usize>()
    }

    /// A ping was written.
    pub(super) fn pinged(&mut self) {
        self.pings += 1;
        if !self.written.is_empty() {
            self.marked.push_back((self.pings, std::mem::take(&mut self.written)));
        }
    }

    /// A pong came. Returns the webhooks that are proven to be received, and whether a ping should
    /// follow for those that were written meanwhile.
    pub(super) fn ponged(&mut self) -> (Vec<u64>, bool) {
        self.pongs = self.pings.min(self.pongs + 1);
        let mut received = Vec::new();
        while let Some((_, numbers)) = self.marked.pop_front_if(|(ping, _)| *ping <= self.pongs) {
            received.extend(numbers);
        }
        (received, self.pings == self.pongs && !self.written.is_empty())
    }

    /// Nothing that was written is wanted to be proven any more. Pongs that are still to come answer
    /// the pings of before.
    pub(super) fn forget(&mut self) {
        self.written.clear();
        self.marked.clear();
    }

    /// Whether something was written after the last ping.
    pub(super) fn wants_ping(&self) -> bool {
        !self.written.is_empty()
    }
}

#[cfg(test)]
mod tests;
