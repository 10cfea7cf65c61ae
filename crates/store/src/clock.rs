//! The time by the clock of NATS, which dates everything in the log.
//!
//! How old an event is counts from when NATS stored it. A process whose own clock is wrong, or jumps,
//! must not take what is new for old: it takes the time from NATS, and counts on from there by a
//! clock that does not jump.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use model::UnixMs;
use tokio::time::Instant;

/// Knows what time it is in NATS. Clones know the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<Heard>>>);

/// A time by NATS, and when we heard of it.
#[derive(Clone, Copy, Debug)]
struct Heard {
    time: UnixMs,
    at: Instant,
}

impl Clock {
    /// It is now at least this time by NATS, and not much more.
    pub(crate) fn hear(&self, time: UnixMs) {
        *self.heard() = Some(Heard { time, at: Instant::now() });
    }

    /// Now, by NATS; by the clock of this machine while nothing was heard.
    pub(crate) fn now(&self) -> UnixMs {
        match *self.heard() {
            Some(Heard { time, at }) => time.plus(at.elapsed()),
            None => UnixMs::from(SystemTime::now()),
        }
    }

    /// Whether it was heard what time it is by NATS.
    pub(crate) fn is_known(&self) -> bool {
        self.heard().is_some()
    }

    fn heard(&self) -> MutexGuard<'_, Option<Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_from_what_was_heard_whatever_this_machine_says() {
        let clock = Clock::default();
        assert!(!clock.is_known() && clock.now() > UnixMs(1_700_000_000_000), "this machine's own");
        clock.hear(UnixMs(5000));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!((clock.is_known(), clock.now()), (true, UnixMs(8000)));
        clock.hear(UnixMs(7900));
        assert_eq!(clock.now(), UnixMs(7900), "what was heard last counts");
    }
}
