//! The heads that the tap has seen and the service has not yet taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use http::Version;

use crate::{RawHead, Refusal};

/// The most heads of one connection that may wait for their requests to be served. hyper serves
/// the requests of an HTTP/1 connection one by one, so only pipelining makes any wait.
pub const HEADS_WAITING_MAX: usize = 256;

/// The service's end of a [`crate::HeadTap`]: the heads of one connection in order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Heads {
    waiting: Arc<Mutex<VecDeque<RawHead>>>,
}

impl Heads {
    /// Takes the head of the next request. Call it once for each request that hyper hands to the
    /// service, in that order. `None` when the tap no longer follows the connection: the request
    /// is then to be refused as [`Refusal::Unseen`].
    pub fn next(&self) -> Option<RawHead> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Takes the head that belongs to a request of this version, and refuses what must be refused.
    ///
    /// Returns `Ok(None)` for HTTP/2, where the framing layer has no such head, and the head for
    /// HTTP/1. On `Err` the caller gets [`Refusal::response`], whatever the path.
    pub fn admit(&self, version: Version) -> Result<Option<RawHead>, Refusal> {
        if version > Version::HTTP_11 {
            return Ok(None);
        }
        let head = self.next().ok_or(Refusal::Unseen)?;
        match head.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(Some(head)),
        }
    }

    /// Adds a head; false when as many wait as may.
    pub(crate) fn push(&self, head: RawHead) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = waiting.len() < HEADS_WAITING_MAX;
        waiting.push_back(if fits { head } else { RawHead::refused(Refusal::TooManyWaiting) });
        fits
    }
}
