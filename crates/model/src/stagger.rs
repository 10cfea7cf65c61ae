//! When the next first attempt of an output may start, so that events arrive in order
//! and a slow destination still gets more than one at a time.
//!
//! The next request starts when the one before was answered, or when waiting for the answer has
//! taken longer than our patience: by then the request has long arrived. A destination that lets
//! the patience run out is slow; the patience then shrinks, and requests overlap more.

use std::time::Duration;

/// How long an answer is waited for before the next request starts anyway.
pub const PATIENCE_MAX: Duration = Duration::from_millis(250);
/// The least patience; with it a slow destination gets 200 new requests in a second.
pub const PATIENCE_MIN: Duration = Duration::from_millis(5);

/// The patience with one output.
#[derive(Clone, Copy, Debug)]
pub struct Stagger {
    patience: Duration,
}

impl Default for Stagger {
    fn default() -> Self {
        Self { patience: PATIENCE_MAX }
    }
}

impl Stagger {
    /// How long to wait for the answer before the next request starts.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The answer came within the patience.
    pub fn answered(&mut self) {
        self.patience = PATIENCE_MAX;
    }

    /// The patience ran out.
    pub fn ran_out(&mut self) {
        self.patience = (self.patience / 2).max(PATIENCE_MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_shrinks_with_a_slow_destination_and_comes_back() {
        let mut stagger = Stagger::default();
        assert_eq!(stagger.patience(), PATIENCE_MAX);
        for _ in 0..20 {
            stagger.ran_out();
        }
        assert_eq!(stagger.patience(), PATIENCE_MIN);
        stagger.answered();
        assert_eq!(stagger.patience(), PATIENCE_MAX);
    }
}
