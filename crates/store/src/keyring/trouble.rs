//! Data keys that are stored and cannot be unwrapped by this process.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crypto::key::MasterKeyId;
use tracing::error;

use super::KeyName;
use crate::Error;

/// How many keys are named; of the others it is said how many they are.
const NAMED_MAX: usize = 5;

/// What cannot be unwrapped, and what that means.
pub struct Trouble {
    /// The master keys of this process.
    given: Vec<MasterKeyId>,
    keys: Mutex<BTreeMap<KeyName, Cause>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It is wrapped by a master key that was not given to this process.
    NotGiven {
        master: MasterKeyId,
        /// It was in memory before, so that what it sealed still opens until this process ends.
        held: bool,
    },
    /// It does not open, or cannot be read.
    Damaged,
}

impl Trouble {
    pub(super) fn new(given: Vec<MasterKeyId>) -> Self {
        Self { given, keys: Mutex::default() }
    }

    /// Why this process must not be given work: data keys for which a master key is missing. That is
    /// a mistake in how the process was started; work would fail here that succeeds elsewhere.
    pub fn missing(&self) -> Option<String> {
        let keys = self.keys();
        let missing = keys.iter().filter_map(|(name, cause)| match cause {
            Cause::NotGiven { master, held: false } => Some((name, Some(*master))),
            Cause::NotGiven { held: true, .. } | Cause::Damaged => None,
        });
        self.say(missing, "cannot be unwrapped")
    }

    /// What an operator must look at, although everything else works: keys that are damaged, and
    /// keys that only a running process still has.
    pub fn concerns(&self) -> Option<String> {
        let keys = self.keys();
        let damaged = keys.iter().filter(|(_, cause)| **cause == Cause::Damaged).map(|(name, _)| (name, None));
        let damaged = self.say(damaged, "damaged: what they sealed cannot be opened");
        let held = keys.iter().filter_map(|(name, cause)| match cause {
            Cause::NotGiven { master, held: true } => Some((name, Some(*master))),
            Cause::NotGiven { held: false, .. } | Cause::Damaged => None,
        });
        let held = self.say(held, "in memory alone and lost to this process when it ends");
        let parts: Vec<String> = [damaged, held].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// How many keys cannot be unwrapped, for whatever cause.
    pub fn count(&self) -> usize {
        self.keys().len()
    }

    /// Forgets a key; returns whether it could not be unwrapped.
    pub(super) fn clear(&self, name: KeyName) -> bool {
        self.keys().remove(&name).is_some()
    }

    pub(super) fn note(&self, name: KeyName, why: &Error, held: bool) {
        let cause = match why {
            Error::Sealed { source: crypto::Error::UnknownMasterKey(master), .. } => {
                Cause::NotGiven { master: *master, held }
            }
            _ => Cause::Damaged,
        };
        if self.keys().insert(name, cause) != Some(cause) {
            let why = crate::client::chain(why);
            match cause {
                Cause::NotGiven { master, .. } => error!(
                    key = %name, why, %master,
                    "a data key cannot be unwrapped: give this process that master key too, or run `relay-server keys \
                     rotate` where both are; nothing was overwritten"
                ),
                Cause::Damaged => error!(
                    key = %name, why,
                    "a data key is damaged: bring it back from a backup of NATS; nothing was overwritten"
                ),
            }
        }
    }

    fn say<'a>(&self, keys: impl Iterator<Item = (&'a KeyName, Option<MasterKeyId>)>, what: &str) -> Option<String> {
        let all: Vec<_> = keys.collect();
        let first = all.first()?;
        let named: Vec<String> = all.iter().take(NAMED_MAX).map(|(name, _)| name.to_string()).collect();
        let mut text = format!("{} {what}: {}", count(all.len()), named.join(", "));
        if all.len() > NAMED_MAX {
            // Writing to a text cannot fail.
            let _ = write!(text, " and {} more", all.len() - NAMED_MAX);
        }
        if let Some(master) = first.1 {
            let given: Vec<String> = self.given.iter().map(ToString::to_string).collect();
            let _ = write!(text, "; master key {master} was not given, but {}", given.join(", "));
        }
        Some(text)
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<KeyName, Cause>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(keys: usize) -> String {
    if keys == 1 { "1 data key".to_owned() } else { format!("{keys} data keys") }
}

#[cfg(test)]
mod tests {
    use crypto::key::MasterKey;

    use super::super::Scope;
    use super::*;

    fn unknown(master: MasterKeyId) -> Error {
        Error::sealed("data key", crypto::Error::UnknownMasterKey(master))
    }

    #[test]
    fn a_missing_master_key_is_said_apart_from_damage() {
        let [ours, other] = [MasterKey::generate().unwrap().id(), MasterKey::generate().unwrap().id()];
        let trouble = Trouble::new(vec![ours]);
        assert_eq!((trouble.missing(), trouble.concerns()), (None, None));
        for epoch in 1..=7 {
            trouble.note(KeyName { scope: Scope::System, epoch }, &unknown(other), false);
        }
        trouble.note(KeyName { scope: Scope::Void, epoch: 1 }, &Error::sealed("x", crypto::Error::Refused), false);
        let missing = trouble.missing().unwrap();
        let expected = format!(
            "7 data keys cannot be unwrapped: system.1, system.2, system.3, system.4, system.5 and 2 more; \
             master key {other} was not given, but {ours}"
        );
        assert_eq!(missing, expected);
        assert_eq!(trouble.concerns().unwrap(), "1 data key damaged: what they sealed cannot be opened: void.1");
        assert_eq!(trouble.count(), 8);

        for epoch in 1..=7 {
            assert!(trouble.clear(KeyName { scope: Scope::System, epoch }));
        }
        assert_eq!(trouble.missing(), None);
        trouble.note(KeyName { scope: Scope::System, epoch: 9 }, &unknown(other), true);
        assert_eq!(trouble.missing(), None, "what is in memory works");
        assert!(trouble.concerns().unwrap().contains("in memory alone"));
    }
}
