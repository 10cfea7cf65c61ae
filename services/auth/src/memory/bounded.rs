//! A map that forgets what was not asked for lately when it is full.

use std::collections::HashMap;
use std::hash::Hash;

#[cfg(test)]
mod tests;

/// Two maps of half the size. New and looked-up entries go to the young one; when that is full it
/// becomes the old one, and the old one is dropped. So an entry survives at least half the capacity
/// of other insertions, at the cost of a hash look-up and without a list to keep in order.
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// Holds at most `entries_max`, at least two.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (entries_max / 2).max(1) }
    }

    /// Returns the entry of `key`, and keeps it for longer.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// Puts an entry in the place of the one that `key` had.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets `key`.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}
