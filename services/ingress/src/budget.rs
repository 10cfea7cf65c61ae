//! How much memory all bodies together may take.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is taken at once: small enough that small bodies cost little, large enough that one body
/// does not take hundreds of times.
const STEP_BYTES: usize = 4 * 1024;

/// The bytes that bodies may take, over all requests. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    steps: Arc<Semaphore>,
}

/// What one request has taken of it; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
}

/// Nothing is left; the caller shall come again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// A budget of this many bytes, rounded down to whole steps.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { steps: Arc::new(Semaphore::new((bytes / STEP_BYTES).min(Semaphore::MAX_PERMITS))) }
    }

    /// A share of nothing yet. Only bytes that have come are taken, so that announcing a large
    /// body and not sending it costs others nothing.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), held: None }
    }
}

impl Share {
    /// Makes the share hold at least this many bytes.
    ///
    /// # Errors
    /// [`Exhausted`] when others hold too much; what was held stays so.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = bytes.div_ceil(STEP_BYTES).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).map_err(|_| Exhausted)?;
        let permit = Arc::clone(&self.budget.steps).try_acquire_many_owned(more).map_err(|_| Exhausted)?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
