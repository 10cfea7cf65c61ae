//! What an operator may set.

/// The largest body unless configured otherwise, in bytes.
pub const BODY_BYTES_DEFAULT: usize = 10 * 1024 * 1024;
/// The largest body that may be configured, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The memory for bodies unless configured otherwise, in bytes.
pub const MEMORY_BYTES_DEFAULT: usize = 256 * 1024 * 1024;

/// The limits of the ingress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    body_bytes_max: usize,
    memory_bytes_max: usize,
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
            1..=BODY_BYTES_MAX => Ok(Self { body_bytes_max, memory_bytes_max }),
            _ => Err(InvalidBodyLimit),
        }
    }

    /// The largest body, in bytes.
    pub fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// What the bodies of all requests in flight may take, in bytes.
    pub fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }
}

impl Default for Config {
    fn default() -> Self {
        Self { body_bytes_max: BODY_BYTES_DEFAULT, memory_bytes_max: MEMORY_BYTES_DEFAULT }
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
}
