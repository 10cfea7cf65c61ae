//! Parked deliveries: their events are read again when they are due.

use std::time::Duration;

use model::EventId;
use model::fact::{Ending, Fact};
use store::cursor::{ACK_WAIT, Cursor, Pulled};
use store::event::Stored;

use super::Courier;
use super::wait::Doing;
use crate::clock;

/// What came of reading the event of a parked delivery.
pub(super) type Read = Result<Option<Stored>, store::Error>;

impl Courier {
    /// Takes over what the facts say is to be tried again. Where another dispatcher works on the
    /// cursor too, that one has the time of an attempt to do it first.
    pub(super) fn adopt(&mut self, cursor: &Cursor) {
        let Some((output, _)) = self.configured() else { return };
        let grace = if cursor.is_shared() { ACK_WAIT + output.timeout() } else { Duration::ZERO };
        self.book.adopt(cursor.again(), grace);
    }

    /// Begins to read the event of the parked delivery that is due, one at a time.
    pub(super) fn read_parked(&mut self) {
        if self.reading.is_some() || self.is_held_up() || self.serving().is_none() {
            return;
        }
        if let Some((event, parked)) = self.book.parked_due(clock::of_log(&self.hub)) {
            let (store, key) = (self.hub.store().clone(), self.key);
            let reading: Doing<Read> =
                Box::pin(async move { store.events().at(key.bucket, key.ephemeral, parked.place).await });
            self.reading = Some((event, reading));
        }
    }

    /// The event of a parked delivery was read, or is no longer kept.
    pub(super) fn read(&mut self, event: EventId, read: Read) {
        match read {
            // After a loss of what was in memory, another event lies in its place.
            Ok(Some(stored)) if stored.event == event => self.book.unpark(pulled(stored), clock::of_log(&self.hub)),
            // It may have been given out again meanwhile, and be at hand.
            Ok(_) if !self.book.forget_parked(event) => {}
            Ok(_) => {
                let fact =
                    Fact::DeliveryEnded { event, at: clock::of_log(&self.hub), ending: Ending::Expired, reason: None };
                self.conclusions.push(fact, None);
            }
            Err(error) => self.later("read an event again", &error),
        }
    }
}

fn pulled(stored: Stored) -> Pulled {
    let Stored { event, input, meta, place, stored_at, sealed } = stored;
    Pulled { event, input, meta, place, stored_at, again: None, sealed, receipt: None }
}
