//! Finds cursors whose deliveries wait for too long.

use std::collections::HashSet;
use std::time::Duration;

use model::alert::Alert;
use model::{BucketId, UnixMs, retry};
use store::fact::CursorKey;
use store::presence::CursorSeen;

use super::What;
use crate::clock;
use crate::courier::configured;
use crate::hub::Hub;

/// A delivery waits for too long when it has waited for this part of the time after which it is
/// given up: a minute of the usual ten.
const PART: u32 = 10;
/// It never waits for too long before this.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// Raises an alert for each of these cursors whose oldest delivery waits for too long.
pub(crate) fn look(hub: &Hub, cursors: &[CursorSeen]) {
    let wanted = wanted(hub);
    for seen in cursors.iter().filter(|seen| wanted.contains(&seen.bucket)) {
        let Some(oldest_at) = seen.oldest_at else { continue };
        let Some((output, bucket)) = configured(hub.store().directory(), seen.bucket, seen.output) else { continue };
        // That these wait their owner knows.
        let is_left_alone = output.disabled || output.paused.is_some();
        if !is_left_alone && is_late(oldest_at, retry::span(&output, &bucket), clock::now()) {
            let key =
                CursorKey { bucket: seen.bucket, output: seen.output, group: seen.group, ephemeral: bucket.ephemeral };
            let is_served = seen.sessions > 0;
            hub.alerts().raise(key, What::Lag { waiting: seen.waiting, oldest_at, is_served });
        }
    }
}

/// The buckets whose owners want to be told.
fn wanted(hub: &Hub) -> HashSet<BucketId> {
    let integrations = hub.store().directory().integrations();
    let wants = |integration: &model::record::Integration, bucket: &BucketId| integration.wants(Alert::Lag, *bucket);
    let buckets = integrations.iter().flat_map(|integration| {
        let record = &integration.record;
        record.buckets.iter().filter(move |bucket| wants(record, bucket))
    });
    buckets.copied().collect()
}

/// Whether a delivery of that time waits for too long, where one is given up after `span`.
fn is_late(received_at: UnixMs, span: Duration, now: UnixMs) -> bool {
    now.since(received_at) >= (span / PART).max(WAIT_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_late_after_a_part_of_its_time() {
        let late = |waited_ms: u64, span| is_late(UnixMs(1000), span, UnixMs(1000 + waited_ms));
        assert!(!late(59_999, Duration::from_secs(600)));
        assert!(late(60_000, Duration::from_secs(600)));
        assert!(!late(999, Duration::from_secs(1)));
        assert!(late(1000, Duration::from_secs(1)));
        assert!(!is_late(UnixMs(5000), Duration::from_secs(600), UnixMs(0)), "a clock that was set back");
    }
}
