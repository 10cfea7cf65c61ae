//! What people configured for the output of a courier's cursor.

use std::sync::Arc;
use std::time::Duration;

use model::record::{Bucket, Output};
use model::{BucketId, GroupId, OutputId, UnixMs, retry};
use store::directory::Directory;

use super::Courier;
use super::work::Configured;
use crate::clock;

impl Courier {
    /// The output and bucket, when the output takes deliveries now.
    pub(super) fn serving(&self) -> Option<Configured> {
        let is_public = self.key.group == GroupId::PUBLIC;
        let takes = |output: &Output, bucket: &Bucket| {
            output.internal != is_public && !output.disabled && output.paused.is_none() && (is_public || bucket.stream)
        };
        self.configured().filter(|(output, bucket)| takes(output, bucket))
    }

    /// The output and bucket, as they are configured; `None` when either was deleted.
    pub(super) fn configured(&self) -> Option<Configured> {
        configured(self.hub.store().directory(), self.key.bucket, self.key.output)
    }

    /// For how long a delivery may be tried, and when the group first attached.
    pub(super) fn wanted_by(&self) -> Option<(Duration, UnixMs)> {
        let directory = self.hub.store().directory();
        let (output, bucket) = self.configured()?;
        let since = directory
            .group(self.key.output, self.key.group)
            .map_or_else(|| clock::of_log(&self.hub), |g| g.record.created_at);
        Some((retry::span(&output, &bucket), since))
    }
}

/// An output and its bucket, as they are configured; `None` when either was deleted.
pub(crate) fn configured(directory: &Directory, bucket: BucketId, output: OutputId) -> Option<Configured> {
    let bucket = directory.bucket(bucket)?.record;
    let output = match output {
        OutputId::NONE => Arc::new(Output::none(&bucket)),
        id => directory.output(id)?.record,
    };
    Some((output, bucket))
}
