//! Counts the connections of each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::Limits;

/// Connections of each address that has any.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    per_address_max: usize,
    loopback_max: usize,
    taken: Arc<Mutex<HashMap<Source, usize>>>,
}

/// What counts as one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(Ipv4Addr),
    /// The upper half of an IPv6 address: a /64 belongs to one caller.
    V6(u64),
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    source: Source,
    taken: Arc<Mutex<HashMap<Source, usize>>>,
}

impl Slots {
    /// No connections yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            per_address_max: limits.connections_per_address_max,
            loopback_max: limits.connections_max,
            taken: Arc::default(),
        }
    }

    /// A slot for one more connection of this address, or none where it has as many as it may.
    pub(super) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = address.to_canonical();
        let max = if address.is_loopback() { self.loopback_max } else { self.per_address_max };
        let source = Source::from(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(source).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Slot { source, taken: Arc::clone(&self.taken) })
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests;
