//! What one evaluation of rules may take: whoever holds up others for a webhook is an owner who may
//! have a thousand outputs.

use std::cell::Cell;

/// How many steps an evaluation has. A step takes about a nanosecond: a state of an NFA at one byte, a
/// byte that a DFA reads; what is slower takes several.
const STEPS_MAX: u64 = 1 << 27;

/// The steps that are left of an evaluation.
pub(super) struct Steps(Cell<u64>);

impl Steps {
    /// Those of a new evaluation.
    pub(super) fn new() -> Self {
        Self::of(STEPS_MAX)
    }

    /// So many.
    pub(super) fn of(steps: u64) -> Self {
        Self(Cell::new(steps))
    }

    /// Takes steps for what is then done; `None`, and none are taken, when there are not enough.
    pub(super) fn take(&self, steps: u64) -> Option<()> {
        self.0.set(self.0.get().checked_sub(steps)?);
        Some(())
    }

    /// Takes steps for what was done; `None`, and none are left, when there were not enough.
    pub(super) fn spend(&self, steps: usize) -> Option<()> {
        let left = self.0.get().checked_sub(steps as u64);
        self.0.set(left.unwrap_or(0));
        left.map(drop)
    }
}
