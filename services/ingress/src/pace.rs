//! How slowly a body may come.

use std::time::Duration;

use tokio::time::Instant;

/// How long nothing may come.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(10);
/// How long a body may take in all; larger ones get [`TOTAL_PER_MIB`] more for each whole MiB that has come.
pub(crate) const TOTAL_MAX: Duration = Duration::from_secs(60);
/// The further time for each MiB: about 100 KiB/s, a slow mobile uplink.
pub(crate) const TOTAL_PER_MIB: Duration = Duration::from_secs(10);
/// How long a body may come at any rate.
pub(crate) const RATE_GRACE: Duration = Duration::from_secs(5);
/// The least rate after that: each second buys this much waiting, so a trickle cannot hold a connection.
pub(crate) const RATE_BYTES_PER_SECOND_MIN: u64 = 1024;
/// How long a body may take to bring [`CROWDED_BYTES`] more while memory for bodies is short. Who holds
/// half of the 256 MiB that there are by default, which are fifty bodies, has to bring 13 MiB each second.
pub(crate) const CROWDED_WAIT: Duration = Duration::from_secs(2);
/// How many bytes that are.
pub(crate) const CROWDED_BYTES: u64 = 512 * 1024;

const MIB: u64 = 1024 * 1024;

/// How a body has come so far. The caller passes the time; waiting of ours does not count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    started: Instant,
    last: Instant,
    received_bytes: u64,
    /// When it had last brought [`CROWDED_BYTES`] more, and how many it had then.
    brought: Instant,
    brought_bytes: u64,
}

impl Pace {
    /// The body is awaited from now on.
    pub(crate) fn start(now: Instant) -> Self {
        Self { started: now, last: now, received_bytes: 0, brought: now, brought_bytes: 0 }
    }

    /// So much has come.
    pub(crate) fn received(&mut self, bytes: usize, now: Instant) {
        self.received_bytes += bytes as u64;
        self.last = now;
        if self.received_bytes >= self.brought_bytes + CROWDED_BYTES {
            (self.brought, self.brought_bytes) = (now, self.received_bytes);
        }
    }

    /// For so long it was us who did not read.
    pub(crate) fn paused(&mut self, span: Duration) {
        self.started += span;
        self.last += span;
        self.brought += span;
    }

    /// When the body is too slow unless more of it has come.
    pub(crate) fn deadline(&self) -> Instant {
        let mib = u32::try_from(self.received_bytes / MIB).unwrap_or(u32::MAX);
        let total = TOTAL_MAX.saturating_add(TOTAL_PER_MIB.saturating_mul(mib));
        let rate = RATE_GRACE + Duration::from_secs(self.received_bytes / RATE_BYTES_PER_SECOND_MIN);
        (self.last + IDLE_MAX).min(self.started + total.min(rate))
    }

    /// When the body is too slow to take up memory that is short, unless more of it has come.
    pub(crate) fn crowded_deadline(&self) -> Instant {
        self.brought + CROWDED_WAIT
    }
}

#[cfg(test)]
mod tests;
