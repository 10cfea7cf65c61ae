//! Reads what stands in clear beside every event of a bucket.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use futures_util::StreamExt;
use model::BucketId;

use super::Events;
use crate::Error;
use crate::feed::{self, Head};

/// How long the next message of a read is waited for.
const READ_WAIT: Duration = Duration::from_secs(5);

/// How far a bucket's events were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The place of the last of them; 0 when there is none.
    pub last: u64,
    /// Where its stream ended then: what comes after it was not looked at.
    pub end: u64,
}

impl Events {
    /// Calls `each` with every event of a bucket that the log holds now, in order, and with how long
    /// its stream keeps what is in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn heads(
        &self,
        bucket: BucketId,
        ephemeral: bool,
        mut each: impl FnMut(&Head, Duration),
    ) -> Result<Read, Error> {
        let what = "read the heads of events";
        let name = self.layout.event_stream(bucket, ephemeral);
        let stream = self.context.get_stream(&name).await.map_err(|e| Error::unavailable(what, e))?;
        let retention = stream.cached_info().config.max_age;
        let mut read = Read { last: 0, end: stream.cached_info().state.last_sequence };
        let config = OrderedConfig {
            filter_subject: self.layout.event_subject(bucket, ephemeral),
            headers_only: true,
            deliver_policy: DeliverPolicy::All,
            replay_policy: ReplayPolicy::Instant,
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|e| Error::unavailable(what, e))?;
        let mut is_over = consumer.cached_info().num_pending == 0;
        let mut messages = consumer.messages().await.map_err(|e| Error::unavailable(what, e))?;
        while !is_over {
            let message = tokio::time::timeout(READ_WAIT, messages.next()).await;
            let Ok(Some(message)) = message else { return Err(Error::timed_out(what)) };
            let message = message.map_err(|e| Error::unavailable(what, e))?;
            let info = message.info().map_err(|e| Error::unavailable(what, e))?;
            is_over = info.pending == 0 || info.stream_sequence >= read.end;
            if info.stream_sequence <= read.end
                && let Some(head) = feed::head(Some(bucket.0), &message)
            {
                read.last = info.stream_sequence;
                each(&head, retention);
            }
        }
        Ok(read)
    }
}
