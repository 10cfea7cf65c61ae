//! Overwrites on disk the wrapped keys that something newer took the place of.
//!
//! JetStream forgets a message long before its bytes leave the file: a block is rewritten only when
//! most of it is gone, and the last block never. So the keyring keeps what is superseded until a
//! process with the role `auth` has had it overwritten with random bytes, which JetStream does for a
//! message that is deleted by its number. Several may do so side by side.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::{DeleteMessageError, DeleteMessageErrorKind};
use futures_util::StreamExt;
use telemetry::Stop;
use tracing::{debug, error, warn};

use super::Keyring;
use crate::Error;
use crate::client::chain;

/// The wait before the keyring is looked through again after a failure.
const AGAIN_WAIT: Duration = Duration::from_millis(500);

impl Keyring {
    /// Erases what is superseded until told to stop; first what was left by an earlier process.
    pub(crate) async fn erase(&self, stop: &Stop) {
        while !stop.is_given() {
            match Box::pin(stop.or(self.follow_superseded())).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => warn!(error = chain(&error), "superseded data keys wait to be erased"),
            }
            stop.or(tokio::time::sleep(AGAIN_WAIT)).await;
        }
    }

    async fn follow_superseded(&self) -> Result<(), Error> {
        let what = "erase a data key";
        let kv = &self.inner.kv;
        let mut last: HashMap<String, u64> = HashMap::new();
        let mut entries = kv.watch_all_from_revision(1).await.map_err(|e| Error::unavailable(what, e))?;
        while let Some(entry) = entries.next().await {
            let entry = entry.map_err(|e| Error::unavailable(what, e))?;
            let Some(superseded) = last.insert(entry.key.clone(), entry.revision) else { continue };
            match kv.stream.delete_message(superseded).await {
                Ok(_) => debug!(key = entry.key, "a superseded data key was erased"),
                Err(error) if is_gone(&error) => {}
                Err(error) if is_forbidden(&error) => {
                    error!(
                        "superseded data keys stay on disk: the keyring was made by a version that did not erase them"
                    );
                    return std::future::pending().await;
                }
                Err(error) => return Err(Error::unavailable(what, error)),
            }
        }
        Ok(())
    }
}

/// Whether the stream permits no deletion.
fn is_forbidden(error: &DeleteMessageError) -> bool {
    error.to_string().contains("not permitted")
}

/// Whether there is nothing to delete: another process was first.
fn is_gone(error: &DeleteMessageError) -> bool {
    let DeleteMessageErrorKind::JetStream(error) = error.kind() else { return false };
    match error.error_code() {
        ErrorCode::NO_MESSAGE_FOUND | ErrorCode::SEQUENCE_NOT_FOUND => true,
        // nats-server says so of a message that has been deleted already, and of one that must stay.
        ErrorCode::STREAM_MESSAGE_DELETE_FAILED => error.to_string().contains("no message found"),
        _ => false,
    }
}
