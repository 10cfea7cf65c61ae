//! What is remembered for a while, in bounded memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crypto::fingerprint::Fingerprint;

/// Values by fingerprint, each for a time.
///
/// They lie in two halves. New ones go to the young half; when that is full, the old half is dropped
/// and the young one becomes it. So nothing is searched for what to drop, and a flood pushes out only
/// what was not put lately.
pub(super) struct Remembered<V> {
    lifetime: Duration,
    half_max: usize,
    halves: Mutex<Halves<V>>,
}

struct Halves<V> {
    young: HashMap<Fingerprint, (Instant, V)>,
    old: HashMap<Fingerprint, (Instant, V)>,
}

impl<V: Clone> Remembered<V> {
    /// Remembers at most `max` values, each for `lifetime`.
    pub(super) fn new(max: usize, lifetime: Duration) -> Self {
        let halves = Mutex::new(Halves { young: HashMap::new(), old: HashMap::new() });
        Self { lifetime, half_max: max / 2, halves }
    }

    /// The value, if it was put less than the lifetime before `now` and has not been pushed out.
    pub(super) fn get(&self, fingerprint: &Fingerprint, now: Instant) -> Option<V> {
        let halves = self.halves();
        let (put, value) = halves.young.get(fingerprint).or_else(|| halves.old.get(fingerprint))?;
        (now.duration_since(*put) < self.lifetime).then(|| value.clone())
    }

    /// Remembers a value from `now` on, instead of the one before.
    pub(super) fn put(&self, fingerprint: Fingerprint, value: V, now: Instant) {
        let mut halves = self.halves();
        if halves.young.len() >= self.half_max && !halves.young.contains_key(&fingerprint) {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.young.insert(fingerprint, (now, value));
    }

    fn halves(&self) -> MutexGuard<'_, Halves<V>> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
