//! One verification at a time for the same secret.
//!
//! A thousand agents of one token that reconnect at once present the same secret: the first runs
//! bcrypt, the others wait for it and find the result in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crypto::fingerprint::Fingerprint;
use tokio::sync::OwnedMutexGuard;
use tokio::time;

use crate::budget::{Busy, WAIT_MAX};

#[cfg(test)]
mod tests;

type Doors = HashMap<Fingerprint, Arc<tokio::sync::Mutex<()>>>;

/// The secrets that are being verified now. Bounded by the number of questions at work.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    doors: Mutex<Doors>,
}

/// The right to verify one secret; the next one waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    flights: &'a Flights,
    secret: Fingerprint,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Flights {
    /// Waits until nobody else verifies this secret, but no longer than [`WAIT_MAX`].
    pub(crate) async fn enter(&self, secret: Fingerprint) -> Result<Flight<'_>, Busy> {
        let door = Arc::clone(self.doors().entry(secret).or_default());
        // Made before the wait: dropping it forgets the door also if the wait ends without a turn.
        let mut flight = Flight { flights: self, secret, turn: None };
        let turn = time::timeout(WAIT_MAX, door.lock_owned()).await.map_err(|_| Busy)?;
        flight.turn = Some(turn);
        Ok(flight)
    }

    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.turn = None;
        let mut doors = self.flights.doors();
        // Whoever waits holds the door too, and takes it away when the last of them leaves.
        if doors.get(&self.secret).is_some_and(|door| Arc::strong_count(door) == 1) {
            doors.remove(&self.secret);
        }
    }
}
