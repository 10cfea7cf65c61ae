//! Deliveries that hold no place until they are tried again: their events are acknowledged, and
//! read again by their places in the stream.
//!
//! The log of facts knows them too. So nothing is lost with this process: whoever attaches to the
//! cursor next adopts them from there.

use std::collections::BTreeMap;

use model::{EventId, UnixMs};

/// The most deliveries of one cursor that are parked; further ones hold their places.
pub(crate) const PARKED_MAX: usize = 10_000;

/// A delivery without a place among those at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    /// Where its event lies in the stream.
    pub(crate) place: u64,
    /// The number of its next attempt.
    pub(crate) attempt: u32,
    /// Whether it was taken over from the facts, and not parked here.
    pub(crate) adopted: bool,
}

/// The parked deliveries of one cursor, by when they are due.
#[derive(Debug, Default)]
pub(super) struct Park {
    by_time: BTreeMap<(UnixMs, EventId), Parked>,
    times: BTreeMap<EventId, UnixMs>,
}

impl Park {
    /// Parks a delivery; returns whether there was room.
    pub(super) fn put(&mut self, event: EventId, at: UnixMs, parked: Parked) -> bool {
        if self.times.len() >= PARKED_MAX {
            return false;
        }
        self.take(event);
        self.times.insert(event, at);
        self.by_time.insert((at, event), parked);
        true
    }

    /// Takes a delivery out.
    pub(super) fn take(&mut self, event: EventId) -> Option<Parked> {
        let at = self.times.remove(&event)?;
        self.by_time.remove(&(at, event))
    }

    /// When a delivery is due, if it is parked.
    pub(super) fn at(&self, event: EventId) -> Option<UnixMs> {
        self.times.get(&event).copied()
    }

    /// The delivery that is due first.
    pub(super) fn first(&self) -> Option<(UnixMs, EventId, Parked)> {
        self.by_time.first_key_value().map(|((at, event), parked)| (*at, *event, *parked))
    }

    /// How many are parked.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// The one that was received first.
    pub(super) fn oldest(&self) -> Option<EventId> {
        self.times.first_key_value().map(|(event, _)| *event)
    }

    /// Forgets all that was adopted.
    pub(super) fn forget_adopted(&mut self) {
        self.by_time.retain(|(_, event), parked| {
            if parked.adopted {
                self.times.remove(event);
            }
            !parked.adopted
        });
    }
}
