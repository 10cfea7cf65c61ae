//! What an operator may set.

use crate::body::HELD_BYTES_MAX;

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

/// A limit that is zero or over [`BODY_BYTES_MAX`].
#[derive(Debug, thiserror::Error)]
#[error("the largest body must be between 1 and {BODY_BYTES_MAX} bytes")]
pub struct InvalidBodyLimit;

impl Config {
    /// Limits of one body, and of the bodies of all requests in flight together, in bytes. Sealing
    /// copies a small body, so the process takes up to three times the second.
    ///
    /// # Errors
    /// When `body_bytes_max` is zero or over [`BODY_BYTES_MAX`].
    pub fn new(body_bytes_max: usize, memory_bytes_max: usize) -> Result<Self, InvalidBodyLimit> {
        match body_bytes_max {
            1..=BODY_BYTES_MAX => Ok(Self { body_bytes_max, memory_bytes_max, is_behind_proxy: false }),
            _ => Err(InvalidBodyLimit),
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

    #[test]
    fn a_body_may_be_so_large_and_no_larger() {
        assert!(Config::new(BODY_BYTES_MAX, 0).is_ok() && Config::new(1, 0).is_ok());
        assert!(Config::new(BODY_BYTES_MAX + 1, 0).is_err() && Config::new(0, 0).is_err());
    }

    #[test]
    fn an_address_has_a_quarter_of_the_memory_and_a_proxy_all_of_it() {
        let config = Config::default();
        assert_eq!(config.memory_bytes_per_address_max(), MEMORY_BYTES_DEFAULT / 4);
        assert_eq!(config.behind_proxy().memory_bytes_per_address_max(), MEMORY_BYTES_DEFAULT);
        assert_eq!(Config::new(1, 4096).unwrap().memory_bytes_per_address_max(), HELD_BYTES_MAX);
    }
}
