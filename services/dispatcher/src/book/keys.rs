//! Order among deliveries with the same key: which key is taken by which event, and who waits
//! behind whom.

use std::collections::{HashMap, HashSet, VecDeque};

use model::EventId;
use model::order::Key;

use super::Due;

/// The keys of one cursor.
#[derive(Debug, Default)]
pub(super) struct Keys {
    taken: HashMap<Key, EventId>,
    /// Those that wait for one before them, in the order in which they came.
    behind: VecDeque<Due>,
}

impl Keys {
    /// The event has its turn until it is [ended](Keys::free).
    pub(super) fn take(&mut self, event: EventId, key: Key) {
        self.taken.entry(key).or_insert(event);
    }

    /// The event waits for those before it with its key.
    pub(super) fn wait(&mut self, mut due: Due, key: Key) {
        due.key = Some(key);
        self.behind.push_back(due);
    }

    /// The first that waits no more, whose key it then has; with `regardless`, the first.
    pub(super) fn next(&mut self, regardless: bool) -> Option<Due> {
        let is_free = |due: &Due| due.key.is_none_or(|key| !self.taken.contains_key(&key));
        let at = self.behind.iter().position(|due| regardless || is_free(due))?;
        let due = self.behind.remove(at)?;
        if let Some(key) = due.key {
            self.take(due.event(), key);
        }
        Some(due)
    }

    /// The event has ended.
    pub(super) fn free(&mut self, event: EventId) {
        self.taken.retain(|_, taken_by| *taken_by != event);
    }

    /// Those that wait wait no more.
    pub(super) fn drain_behind(&mut self) -> impl Iterator<Item = Due> {
        self.behind.drain(..)
    }

    /// Every key that someone has or waits for.
    pub(super) fn busy(&self) -> HashSet<Key> {
        self.taken.keys().copied().chain(self.behind.iter().filter_map(|due| due.key)).collect()
    }

    /// Those that wait.
    pub(super) fn behind(&self) -> impl ExactSizeIterator<Item = &Due> {
        self.behind.iter()
    }

    /// Those that wait.
    pub(super) fn behind_mut(&mut self) -> impl Iterator<Item = &mut Due> {
        self.behind.iter_mut()
    }
}
