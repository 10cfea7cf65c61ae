//! What was verified a moment ago, so that it need not be verified again.
//!
//! Right and wrong secrets are remembered apart: whoever invents secrets fills only the memory for
//! wrong ones. Nothing in here is believed without the generation that the token has now.

use std::time::{Duration, Instant};

use crypto::fingerprint::Fingerprint;

use bounded::Bounded;

pub(crate) mod bounded;
#[cfg(test)]
mod tests;

/// How long a verification is good for without running bcrypt again.
pub(crate) const FRESH: Duration = Duration::from_secs(60);

/// How many right secrets are remembered: ten thousand agents with a token each, at 100 bytes.
pub(crate) const RIGHT_MAX: usize = 16_384;

/// How many wrong secrets are remembered.
pub(crate) const WRONG_MAX: usize = 4_096;

/// What the token of a presented key is now: active in this generation, or nothing that can be used
/// (unknown, revoked, deleted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is active, in this generation.
    Active(u64),
    /// No secret is right for it.
    Unusable,
}

/// What is remembered of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recollection {
    /// It was right, a moment ago, for this generation.
    Right,
    /// It was wrong, a moment ago, for this generation.
    Wrong,
    /// It was right once; that is too long ago, or for another generation.
    WasRight,
    /// Nothing.
    Nothing,
}

/// The memory for right and for wrong secrets.
#[derive(Debug)]
pub(crate) struct Memory {
    right: Bounded<Fingerprint, Seen>,
    wrong: Bounded<Fingerprint, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    standing: Standing,
    at: Instant,
}

impl Seen {
    fn holds(&self, standing: Standing, now: Instant) -> bool {
        self.standing == standing && now.duration_since(self.at) < FRESH
    }
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { right: Bounded::new(RIGHT_MAX), wrong: Bounded::new(WRONG_MAX) }
    }

    /// Returns what is known of this secret for a token of that standing.
    pub(crate) fn recall(&mut self, secret: Fingerprint, standing: Standing, now: Instant) -> Recollection {
        if let Some(seen) = self.right.get(&secret) {
            return if seen.holds(standing, now) { Recollection::Right } else { Recollection::WasRight };
        }
        match self.wrong.get(&secret) {
            Some(seen) if seen.holds(standing, now) => Recollection::Wrong,
            _ => Recollection::Nothing,
        }
    }

    /// Remembers that this secret was right for a token in this generation.
    pub(crate) fn remember_right(&mut self, secret: Fingerprint, generation: u64, now: Instant) {
        self.wrong.remove(&secret);
        self.right.insert(secret, Seen { standing: Standing::Active(generation), at: now });
    }

    /// Remembers that this secret was wrong for a token of that standing.
    pub(crate) fn remember_wrong(&mut self, secret: Fingerprint, standing: Standing, now: Instant) {
        self.right.remove(&secret);
        self.wrong.insert(secret, Seen { standing, at: now });
    }
}
