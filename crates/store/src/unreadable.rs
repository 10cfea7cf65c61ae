//! Counts what lies in the log and could not be read, so that it shows although all else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An event, or a piece of its body: it does not open, or its key is gone.
    Event,
    /// A message of facts.
    Fact,
    /// A message in a stream of events that is no event.
    Stranger,
}

impl What {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Event, Self::Fact, Self::Stranger];

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Fact => "fact",
            Self::Stranger => "stranger",
        }
    }
}

/// The counts. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Unreadable(Arc<[AtomicU64; What::ALL.len()]>);

impl Unreadable {
    /// How often something of this kind was tried in vain.
    pub fn count(&self, what: What) -> u64 {
        self.0[what as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, what: What) {
        self.0[what as usize].fetch_add(1, Ordering::Relaxed);
    }
}
