//! How much memory all bodies together may take, and how much of it those of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is taken at once: small enough that small bodies cost little, large enough that one body
/// does not take hundreds of times.
pub(crate) const STEP_BYTES: usize = 4 * 1024;
/// What a body may hold however short memory is: a webhook of ordinary size makes no room by being given
/// up. It may come at a KiB each second, so that to hold half of the memory with such bodies takes no
/// fewer bytes each second than with large ones.
pub(crate) const SMALL_BYTES: usize = 16 * 1024;

/// The bytes that bodies may take, over all requests. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    steps: Arc<Semaphore>,
    /// How many steps each address has, of those that have any.
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    steps_per_address_max: usize,
    /// Memory is short for a request while the others leave fewer.
    steps_short: usize,
}

/// What one request has taken of it; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    /// Whose it is; nobody's counts for no address.
    address: Option<IpAddr>,
    held: Option<OwnedSemaphorePermit>,
}

/// Nothing is left; the caller shall come again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// A budget of this many bytes, rounded down to whole steps.
    pub(crate) fn new(bytes: usize) -> Self {
        let steps = (bytes / STEP_BYTES).min(Semaphore::MAX_PERMITS);
        let (steps_short, steps) = (steps / 2, Arc::new(Semaphore::new(steps)));
        Self { steps, taken: Arc::default(), steps_per_address_max: usize::MAX, steps_short }
    }

    /// The same, of which one address may have this many bytes.
    #[must_use]
    pub(crate) fn with_address_max(self, bytes: usize) -> Self {
        Self { steps_per_address_max: bytes / STEP_BYTES, ..self }
    }

    /// A share of nothing yet. Only bytes that have come are taken, so that announcing a large
    /// body and not sending it costs others nothing.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), address: None, held: None }
    }

    /// The same for a caller at this address. Loopback counts for no address: it is a proxy.
    pub(crate) fn share_of(&self, peer: IpAddr) -> Share {
        let peer = peer.to_canonical();
        Share { budget: self.clone(), address: (!peer.is_loopback()).then(|| caller(peer)), held: None }
    }

    /// Counts more steps of an address, if it may have them.
    fn take(&self, address: IpAddr, more: usize) -> Result<(), Exhausted> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let steps = taken.get(&address).copied().unwrap_or(0) + more;
        if steps > self.steps_per_address_max {
            return Err(Exhausted);
        }
        taken.insert(address, steps);
        Ok(())
    }

    fn give_back(&self, address: IpAddr, fewer: usize) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(steps) = taken.get_mut(&address) {
            *steps -= fewer;
            if *steps == 0 {
                taken.remove(&address);
            }
        }
    }
}

/// What counts as one address: an IPv6 /64 belongs to one caller.
fn caller(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        IpAddr::V4(_) => peer,
    }
}

impl Share {
    /// Makes the share hold at least this many bytes.
    ///
    /// # Errors
    /// [`Exhausted`] when all requests, or those of the same address, hold too much; what was held
    /// stays so.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let more = bytes.div_ceil(STEP_BYTES).saturating_sub(self.held_steps());
        if more == 0 {
            return Ok(());
        }
        let permits = u32::try_from(more).map_err(|_| Exhausted)?;
        let permit = Arc::clone(&self.budget.steps).try_acquire_many_owned(permits).map_err(|_| Exhausted)?;
        if let Some(address) = self.address {
            self.budget.take(address, more)?;
        }
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }

    /// Whether it holds much of what is short: others have taken more than half of all.
    pub(crate) fn is_crowding(&self) -> bool {
        let held = self.held_steps();
        let left_by_others = self.budget.steps.available_permits() + held;
        held > SMALL_BYTES / STEP_BYTES && left_by_others < self.budget.steps_short
    }

    fn held_steps(&self) -> usize {
        self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let held = self.held_steps();
        if let Some(address) = self.address.filter(|_| held > 0) {
            self.budget.give_back(address, held);
        }
    }
}

#[cfg(test)]
mod tests;
