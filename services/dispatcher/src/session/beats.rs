//! How many heartbeats an agent may send: each is read and answers nothing, and who sends them as fast
//! as they go would have a processor to itself.

use tokio::time::Instant;

use super::HEARTBEAT;

/// How many may come in the time of one.
pub(super) const BEATS_MAX: u32 = 100;

/// Counts them.
pub(super) struct Beats {
    since: Instant,
    count: u32,
}

impl Beats {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    /// Another one has come. Whether it may.
    pub(super) fn may_come(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= HEARTBEAT {
            *self = Self::new(now);
        }
        self.count += 1;
        self.count <= BEATS_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn so_many_may_come_in_the_time_of_one() {
        let start = Instant::now();
        let mut beats = Beats::new(start);
        for _ in 0..BEATS_MAX {
            assert!(beats.may_come(start));
        }
        assert!(!beats.may_come(start + HEARTBEAT - Duration::from_millis(1)));
        assert!(beats.may_come(start + HEARTBEAT));
    }
}
