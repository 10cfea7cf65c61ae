//! How the courier's cursor stands, for whoever wants to know.

use model::fact::{Ending, Fact};
use store::cursor::{Cursor, UNACKED_MAX};

use super::Courier;
use crate::alert::What;
use crate::presence::Standing;

impl Courier {
    /// Says how the cursor stands now.
    pub(super) fn stand(&self, cursor: &Cursor) {
        let (at_hand, oldest) = self.work.book().all_here();
        let was_open = self.board.read().is_some_and(|before| before.is_open);
        if self.work.book().is_open() && !was_open {
            self.hub.alerts().raise(self.key, What::CircuitOpen { failures: self.work.book().failures() });
        }
        self.board.write(Standing {
            at_hand,
            in_stream: cursor.pending(),
            is_current: hears(cursor, at_hand),
            delivered: cursor.delivered(),
            oldest_at: oldest.map(|event| event.received_at()),
            last_sent_at: self.last_sent_at.max(cursor.last_sent_at()),
            failures: self.work.book().failures(),
            is_open: self.work.book().is_open(),
        });
    }

    /// Takes in a fact that is in the log: when a delivery ended as sent, and what is trouble.
    pub(super) fn noted(&mut self, fact: &Fact) {
        if fact.ending() == Some(Ending::Sent) {
            self.last_sent_at = self.last_sent_at.max(Some(fact.at()));
        }
        self.hub.alerts().raise_for(self.key, fact);
    }
}

/// Whether new events come at once, so that what was last heard of the stream is so now. With many
/// unacknowledged NATS gives out no more, and others may have as many of them as we.
fn hears(cursor: &Cursor, at_hand: u64) -> bool {
    cursor.is_asking() && cursor.pending() == 0 && at_hand < UNACKED_MAX as u64 / 2
}
