//! How many deliveries wait for each output, as the dispatchers say.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::OutputId;
use model::record::Output;
use store::presence::Presence;

/// The last that was said. Dispatchers say it every few seconds ([`store::presence::SAY_EVERY`]), so a
/// queue may grow past its limit by what comes in between.
#[derive(Debug, Default)]
pub(crate) struct Depths {
    seen: Mutex<(u64, HashMap<OutputId, u64>)>,
}

impl Depths {
    /// Whether the queue of one of these outputs is full, whose limits these are.
    pub(crate) fn is_full(&self, presence: &Presence, limits: &[(OutputId, u64)]) -> bool {
        if limits.is_empty() {
            return false;
        }
        let said = *presence.changes().borrow();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != said {
            *seen = (said, waiting(presence));
        }
        limits.iter().any(|(output, limit)| seen.1.get(output).is_some_and(|waiting| waiting >= limit))
    }
}

/// An output and how many deliveries may wait for it, if that is limited.
pub(crate) fn limit(output: &Output) -> Option<(OutputId, u64)> {
    let throttle = &output.throttle;
    let is_limited = throttle.enabled && throttle.max_queue_depth > 0 && !output.disabled;
    is_limited.then(|| (output.id, throttle.max_queue_depth.into()))
}

/// The longest queue of each output: each of its groups has one.
fn waiting(presence: &Presence) -> HashMap<OutputId, u64> {
    let mut depths = HashMap::new();
    for cursor in presence.cursors().values() {
        let depth = depths.entry(cursor.output).or_default();
        *depth = cursor.waiting.max(*depth);
    }
    depths
}

#[cfg(test)]
mod tests {
    use model::record::Throttle;
    use model::{AccountId, BucketId, UnixMs};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_a_throttle_that_applies_limits_a_queue() {
        let nil = Uuid::nil();
        let new = Output::new(OutputId(nil), AccountId(nil), BucketId(nil), "o".into(), "http://a/".into(), UnixMs(0));
        let with = |enabled, max_queue_depth, disabled| {
            let throttle = Throttle { enabled, max_queue_depth, ..Throttle::default() };
            limit(&Output { throttle, disabled, ..new.clone() }).map(|(_, limit)| limit)
        };
        assert_eq!(with(true, 5, false), Some(5));
        assert_eq!(with(false, 5, false), None);
        assert_eq!(with(true, 0, false), None);
        assert_eq!(with(true, 5, true), None);
    }
}
