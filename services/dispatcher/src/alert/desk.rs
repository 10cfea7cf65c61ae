//! Who is told of which trouble, and when an integration has failed for good. Pure; it takes `now`.

use std::collections::HashMap;
use std::time::Duration;

use model::alert::Alert;
use model::{BucketId, IntegrationId, OutputId, UnixMs};
use tokio::time::Instant;

/// For how long an integration is not told again of the same trouble on the same output.
pub(super) const QUIET: Duration = Duration::from_secs(5 * 60);
/// After so many alerts in a row that could not be posted an integration is disabled.
pub(super) const FAILURES_MAX: u32 = 20;
/// About how much trouble is remembered as told: some MiB. While all of it is still quiet, nothing
/// else is told.
pub(super) const TOLD_MAX: usize = 50_000;

/// What an integration is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub(super) integration: IntegrationId,
    pub(super) bucket: BucketId,
    pub(super) output: OutputId,
    pub(super) alert: Alert,
}

/// What was told, and how the posts fared.
#[derive(Debug, Default)]
pub(super) struct Desk {
    told: HashMap<Subject, Told>,
    /// How many posts in a row have failed, to an integration as its owner last changed it then.
    failures: HashMap<IntegrationId, (UnixMs, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    quiet_until: Instant,
    /// How often the same happened since.
    untold: u64,
}

impl Desk {
    /// Whether to tell of trouble that stands for `count` times the same; returns how often it had
    /// happened untold before.
    pub(super) fn tell(&mut self, subject: Subject, count: u64, now: Instant) -> Option<u64> {
        if let Some(told) = self.told.get_mut(&subject).filter(|told| told.quiet_until > now) {
            told.untold += count;
            return None;
        }
        let before = self.told.remove(&subject);
        if self.told.len() >= TOLD_MAX {
            self.told.retain(|_, told| told.quiet_until > now);
        }
        if self.told.len() >= TOLD_MAX {
            return None;
        }
        self.told.insert(subject, Told { quiet_until: now + QUIET, untold: 0 });
        Some(before.map_or(0, |told| told.untold))
    }

    /// Notes whether a post was taken, by an integration that was last changed at that time; returns
    /// whether it is to be disabled now.
    pub(super) fn posted(&mut self, integration: IntegrationId, changed_at: UnixMs, is_taken: bool) -> bool {
        if is_taken {
            self.failures.remove(&integration);
            return false;
        }
        let failures = match self.failures.get(&integration) {
            // One that was changed since begins anew.
            Some((at, failures)) if *at == changed_at => failures + 1,
            Some(_) | None => 1,
        };
        self.failures.insert(integration, (changed_at, failures));
        let is_over = failures >= FAILURES_MAX;
        if is_over {
            self.failures.remove(&integration);
        }
        is_over
    }
}

#[cfg(test)]
mod tests;
