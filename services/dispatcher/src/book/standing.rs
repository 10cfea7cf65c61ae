//! What a book says of itself to whoever wants to know how its cursor stands.

use std::time::Duration;

use model::EventId;

use super::Book;

impl Book {
    /// How many deliveries are here and have not ended, parked or not, and the oldest of them.
    pub(crate) fn all_here(&self) -> (u64, Option<EventId>) {
        let (mut count, mut oldest) = (self.parked.len(), self.parked.oldest());
        for due in self.all() {
            count += 1;
            oldest = Some(oldest.map_or(due.event(), |event| event.min(due.event())));
        }
        (count as u64, oldest)
    }

    /// How many attempts in a row have failed.
    pub(crate) fn failures(&self) -> u32 {
        self.circuit.failures()
    }

    /// Whether the circuit is open: nothing begins but one attempt now and then that probes.
    pub(crate) fn is_open(&self) -> bool {
        self.is_suspect() && self.limits.open > Duration::ZERO
    }
}
