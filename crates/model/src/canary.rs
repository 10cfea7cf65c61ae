//! Canaries: webhooks that the relay sends through a bucket now and then, so that a way that is
//! broken shows although nobody else sends anything.

use uuid::{Builder, Uuid};

use crate::id::{BucketId, EventId};
use crate::time::UnixMs;

/// The header that marks one for its destination.
pub const HEADER: &str = "Relay-Canary";
/// The least time between two canaries of a bucket, in seconds.
pub const SECONDS_MIN: u32 = 10;
/// The longest, in seconds.
pub const SECONDS_MAX: u32 = 24 * 3600;

/// When the last canary of a bucket was due that gets one every so many seconds. Buckets have theirs
/// at different times.
pub fn last_due(bucket: BucketId, every_seconds: u32, now: UnixMs) -> UnixMs {
    let every_ms = u64::from(every_seconds.max(SECONDS_MIN)) * 1000;
    let phase = u64::try_from(bucket.0.as_u128() % u128::from(every_ms)).unwrap_or(0);
    // The first of all was due one phase after the epoch.
    let since = now.0.saturating_sub(phase);
    UnixMs(phase + since / every_ms * every_ms)
}

/// The event of the canary that is due at that time: the same for everybody, so that the log keeps
/// one however many send it.
pub fn event(bucket: BucketId, due_at: UnixMs) -> EventId {
    let digest = Uuid::new_v5(&bucket.0, HEADER.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&digest.as_bytes()[..10]);
    EventId(Builder::from_unix_timestamp_millis(due_at.0, &random).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: BucketId = BucketId(Uuid::from_u128(0x1234_5678_9abc));

    #[test]
    fn one_is_due_in_each_span_of_time() {
        let first = last_due(BUCKET, 60, UnixMs(1_000_000_000));
        assert!(first <= UnixMs(1_000_000_000) && first.0 + 60_000 > 1_000_000_000);
        assert_eq!(last_due(BUCKET, 60, first), first);
        assert_eq!(last_due(BUCKET, 60, UnixMs(first.0 + 59_999)), first);
        assert_eq!(last_due(BUCKET, 60, UnixMs(first.0 + 60_000)), UnixMs(first.0 + 60_000));
        assert_eq!(last_due(BUCKET, 60, UnixMs(first.0 - 1)), UnixMs(first.0 - 60_000));
    }

    #[test]
    fn none_comes_faster_than_the_least_time() {
        let at = last_due(BUCKET, 0, UnixMs(1_000_000_000));
        assert_eq!(last_due(BUCKET, 0, UnixMs(at.0 + 9_999)), at);
    }

    #[test]
    fn its_event_is_known_beforehand_and_carries_its_time() {
        let one = event(BUCKET, UnixMs(1_700_000_000_123));
        assert_eq!(one.received_at(), UnixMs(1_700_000_000_123));
        assert_eq!(one.0.get_version_num(), 7);
        assert_eq!(event(BUCKET, UnixMs(1_700_000_000_123)), one);
        assert_ne!(event(BUCKET, UnixMs(1_700_000_000_124)), one);
        assert_ne!(event(BucketId(Uuid::nil()), UnixMs(1_700_000_000_123)), one);
    }
}
