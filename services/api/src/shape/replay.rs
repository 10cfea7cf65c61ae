//! Replays as JSON.

use model::BucketId;
use serde::Serialize;
use store::replay::Status;
use uuid::Uuid;

/// A replay.
#[derive(Serialize)]
pub(crate) struct Replay {
    pub(crate) id: Uuid,
    pub(crate) bucket: BucketId,
    pub(crate) status: Status,
    /// How many deliveries the filter let through.
    pub(crate) matched: u64,
    /// How many were sent again.
    pub(crate) done: u64,
    /// How many could not be, because they or their output are gone.
    pub(crate) failed: u64,
}
