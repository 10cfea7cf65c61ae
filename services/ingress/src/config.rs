//! What an operator may set.

use crate::body::HELD_BYTES_MAX;
use crate::budget::STEP_BYTES;

/// The largest body unless configured otherwise, in bytes.
pub const BODY_BYTES_DEFAULT: usize = 10 * 1024 * 1024;
/// The largest body that may be configured, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The memory for bodies unless configured otherwise, in bytes.
pub const MEMORY_BYTES_DEFAULT: usize = 256 * 1024 * 1024;

/// How many addresses it takes to fill that memory.
const MEMORY_ADDRESSES_MIN: usize = 4;

/// The limits of the ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    body_bytes_max: usize,
    memory_bytes_max: usize,
    is_behind_proxy: bool,
}

/// Limits that no webhook, or not the largest, would come through.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimits {
    /// That of one body is zero or over [`BODY_BYTES_MAX`].
    #[error("the largest body must be between 1 and {BODY_BYTES_MAX} bytes")]
    Body,
    /// That of all together has no room for the largest, which would be answered 503 each time.
    #[error("the memory for bodies must be at least {bytes_min} bytes, with room for the largest body")]
    Memory {
        /// What the largest body takes.
        bytes_min: usize,
    },
}

impl Config {
    /// Limits of one body, and of the bodies of all requests in flight together, in bytes. Sealing
    /// copies a small body, so the process takes up to three times the second.
    ///
    /// # Errors
    /// See [`InvalidLimits`].
    pub fn new(body_bytes_max: usize, memory_bytes_max: usize) -> Result<Self, InvalidLimits> {
        if !(1..=BODY_BYTES_MAX).contains(&body_bytes_max) {
            return Err(InvalidLimits::Body);
        }
        let bytes_min = body_bytes_max.min(HELD_BYTES_MAX).next_multiple_of(STEP_BYTES);
        match memory_bytes_max < bytes_min {
            true => Err(InvalidLimits::Memory { bytes_min }),
            false => Ok(Self { body_bytes_max, memory_bytes_max, is_behind_proxy: false }),
        }
    }

    /// The same, where all callers come from the address of a proxy.
    #[must_use]
    pub fn behind_proxy(self) -> Self {
        Self { is_behind_proxy: true, ..self }
    }

    /// The largest body, in bytes.
    pub fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// What the bodies of all requests in flight may take, in bytes.
    pub fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }

    /// What those of one address may take of it, in bytes: who sends as much as it may and then
    /// trickles leaves most of it to the others. Behind a proxy nobody can be told from others.
    pub(crate) fn memory_bytes_per_address_max(&self) -> usize {
        match self.is_behind_proxy {
            true => self.memory_bytes_max,
            // A body may always come by itself.
            false => (self.memory_bytes_max / MEMORY_ADDRESSES_MIN).max(HELD_BYTES_MAX),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { body_bytes_max: BODY_BYTES_DEFAULT, memory_bytes_max: MEMORY_BYTES_DEFAULT, is_behind_proxy: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn a_body_may_be_so_large_and_no_larger() {
        let limits = |body_bytes_max| Config::new(body_bytes_max, MEMORY_BYTES_DEFAULT);
        assert!(limits(BODY_BYTES_MAX).is_ok() && limits(1).is_ok());
        assert_eq!([limits(BODY_BYTES_MAX + 1), limits(0)], [Err(InvalidLimits::Body), Err(InvalidLimits::Body)]);
    }

    #[test]
    fn the_largest_body_has_room_in_the_memory() {
        for (body_bytes_max, bytes_min) in
            [(1, STEP_BYTES), (STEP_BYTES + 1, 2 * STEP_BYTES), (BODY_BYTES_MAX, HELD_BYTES_MAX)]
        {
            assert!(Config::new(body_bytes_max, bytes_min).is_ok());
            let less = Config::new(body_bytes_max, bytes_min - 1);
            assert_eq!(less, Err(InvalidLimits::Memory { bytes_min }));
            // One body alone takes no more.
            assert_eq!(Budget::new(bytes_min).share().hold(body_bytes_max.min(HELD_BYTES_MAX)), Ok(()));
        }
    }

    #[test]
    fn an_address_has_a_quarter_of_the_memory_and_a_proxy_all_of_it() {
        let config = Config::default();
        assert_eq!(config.memory_bytes_per_address_max(), MEMORY_BYTES_DEFAULT / 4);
        assert_eq!(config.behind_proxy().memory_bytes_per_address_max(), MEMORY_BYTES_DEFAULT);
        assert_eq!(Config::new(1, 4096).unwrap().memory_bytes_per_address_max(), HELD_BYTES_MAX);
    }
}
