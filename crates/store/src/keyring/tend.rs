//! Gives buckets new data keys in time, and destroys those that nothing needs any more.
//!
//! A key that another has followed is needed by events, pieces of bodies and answers for as long as
//! they are kept, and by records of the directory until they were sealed again. The `api` role tends
//! the keys of buckets; any number of copies may do so side by side, because each step is done once
//! whoever does it.

use std::time::Duration;

use model::{BucketId, UnixMs};
use telemetry::Stop;
use tracing::{debug, info, warn};

use super::{Epochs, KeyName, Scope};
use crate::client::chain;
use crate::{Error, Store, get, layout};

/// How often the keys are looked through.
const TEND_EVERY: Duration = Duration::from_secs(3600);
/// The wait before they are looked through again where that was not possible.
const AGAIN_WAIT: Duration = Duration::from_secs(60);
/// How much longer than events a key is kept: what was sealed by a process that had not heard of the
/// new key yet, and clocks that differ.
pub const KEEP_SLACK: Duration = Duration::from_secs(24 * 3600);

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Keys that were made.
    pub made: Vec<KeyName>,
    /// Keys that were destroyed.
    pub destroyed: Vec<KeyName>,
}

impl Store {
    /// Tends the keys of all buckets until told to stop: none seals for longer than `age_max`, if
    /// there is such a limit.
    pub(crate) async fn tend_keys(&self, age_max: Option<Duration>, stop: &Stop) {
        self.keyring().loaded().await;
        self.directory().loaded().await;
        while !stop.is_given() {
            let tended = async { self.tend(age_max, self.time_of_nats().await?).await };
            let wait = match Box::pin(stop.or(tended)).await {
                None => return,
                Some(Ok(done)) if done == Tended::default() => {
                    debug!("the data keys need nothing");
                    TEND_EVERY
                }
                Some(Ok(done)) => {
                    info!(made = done.made.len(), destroyed = done.destroyed.len(), "the data keys were tended");
                    TEND_EVERY
                }
                Some(Err(error)) => {
                    warn!(error = chain(&error), "the data keys could not be tended; trying again");
                    AGAIN_WAIT
                }
            };
            stop.or(tokio::time::sleep(wait)).await;
        }
    }

    /// Now, by NATS, as of the last canary that any process has published: a process whose own clock
    /// is ahead would destroy keys that are needed.
    async fn time_of_nats(&self) -> Result<UnixMs, Error> {
        let what = "ask NATS for the time";
        let last = get::last_on(&self.inner.context, layout::VOID, layout::VOID_SUBJECT.to_owned(), what).await?;
        last.map(|canary| get::stored_at(&canary)).ok_or_else(|| Error::timed_out(what))
    }

    /// Tends the keys of all buckets once; `now` is the time by NATS, which dates keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; what is left is done the next time.
    pub async fn tend(&self, age_max: Option<Duration>, now: UnixMs) -> Result<Tended, Error> {
        let keep = self.inner.retention.saturating_add(KEEP_SLACK);
        let mut done = Tended::default();
        let scopes: Vec<(Scope, Epochs)> =
            self.keyring().keys().iter().map(|(scope, epochs)| (*scope, epochs.clone())).collect();
        for (scope, epochs) in scopes {
            let Scope::Bucket(bucket) = scope else { continue };
            if self.directory().bucket(bucket).is_none() {
                continue;
            }
            if is_due(&epochs, age_max, now) {
                done.made.push(KeyName { scope, epoch: self.keyring().renew(scope).await? });
            }
            if epochs.len() > 1 && self.seal_again(bucket).await? {
                for epoch in unneeded(&epochs, keep, now) {
                    let name = KeyName { scope, epoch };
                    self.keyring().destroy_one(name).await?;
                    done.destroyed.push(name);
                }
            }
        }
        Ok(done)
    }

    /// Seals a bucket's records again that lie under an earlier key. Returns whether all lie under
    /// the newest now.
    async fn seal_again(&self, bucket: BucketId) -> Result<bool, Error> {
        let Some((newest, _)) = self.keyring().newest(Scope::Bucket(bucket)) else { return Ok(false) };
        if !self.directory().unopened_of(bucket).is_empty() {
            return Ok(false);
        }
        let mut all = true;
        for key in self.directory().keys_of(bucket) {
            match self.directory().seal_again(&key, newest).await {
                Ok(done) => all &= done,
                Err(error @ Error::Unavailable { .. }) => return Err(error),
                // One bad record must not keep the others from it.
                Err(_) => all = false,
            }
        }
        Ok(all)
    }
}

/// Whether a scope's newest key has sealed for long enough.
fn is_due(epochs: &Epochs, age_max: Option<Duration>, now: UnixMs) -> bool {
    let newest = epochs.last_key_value().map(|(_, held)| held.since);
    age_max.zip(newest).is_some_and(|(age_max, since)| since.plus(age_max) <= now)
}

/// The epochs that were followed by another so long ago that nothing of theirs is kept.
fn unneeded(epochs: &Epochs, keep: Duration, now: UnixMs) -> Vec<u32> {
    let followed = epochs.iter().zip(epochs.values().skip(1));
    followed.filter(|(_, next)| next.since.plus(keep) <= now).map(|((epoch, _), _)| *epoch).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crypto::key::{MasterKey, MasterKeys};

    use super::super::Held;
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn epochs(days: &[(u32, u32)]) -> Epochs {
        let masters = MasterKeys::new(MasterKey::generate().unwrap(), Vec::new());
        let key = Arc::new(masters.wrap_new("x", 1).unwrap().0);
        let held = |day| Held { key: Arc::clone(&key), since: UnixMs(0).plus(DAY * day) };
        days.iter().map(|(epoch, day)| (*epoch, held(*day))).collect()
    }

    #[test]
    fn a_key_is_kept_for_as_long_as_what_was_sealed_before_the_next() {
        let all = epochs(&[(1, 0), (2, 10), (4, 20)]);
        let on = |day: u32| unneeded(&all, DAY * 8, UnixMs(0).plus(DAY * day));
        assert_eq!(on(17), [0; 0]);
        assert_eq!(on(18), [1]);
        assert_eq!(on(27), [1]);
        assert_eq!(on(28), [1, 2]);
        assert_eq!(on(1000), [1, 2], "the newest never");
    }

    #[test]
    fn a_key_is_followed_when_it_is_old_enough() {
        let all = epochs(&[(1, 0), (2, 10)]);
        let on = |day: u32| is_due(&all, Some(DAY * 90), UnixMs(0).plus(DAY * day));
        assert!(!on(99) && on(100));
        assert!(!is_due(&all, None, UnixMs(u64::MAX)));
        assert!(!is_due(&Epochs::new(), Some(DAY), UnixMs(u64::MAX)));
    }
}
