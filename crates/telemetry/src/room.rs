//! Memory that what is large takes turns in, so that all of it together stays within a bound.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is taken at once.
const STEP_BYTES: usize = 1024;

/// The room that there is. Clones share it.
#[derive(Clone, Debug)]
pub struct Room {
    steps: Arc<Semaphore>,
    steps_max: u32,
}

/// Room that was taken, or none; given back when dropped.
#[derive(Debug, Default)]
pub struct Taken(Option<OwnedSemaphorePermit>);

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Self {
        let steps_max = u32::try_from(bytes / STEP_BYTES).unwrap_or(u32::MAX);
        Self { steps: Arc::new(Semaphore::new(steps_max as usize)), steps_max }
    }

    /// Whether any of it is taken or waited for, or is about to be.
    pub fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.steps) > 1
    }

    /// Waits for room for so many bytes, at most all that there is; those who came first get it first.
    pub async fn take(&self, bytes: u64) -> Taken {
        let steps = u32::try_from(bytes.div_ceil(STEP_BYTES as u64)).unwrap_or(u32::MAX).min(self.steps_max);
        // It is never closed.
        Taken(Arc::clone(&self.steps).acquire_many_owned(steps).await.ok())
    }
}

impl Taken {
    /// Gives back what is not needed, once it is known how much is.
    pub fn keep(&mut self, bytes: usize) {
        if let Some(permit) = &mut self.0 {
            drop(permit.split(permit.num_permits().saturating_sub(bytes.div_ceil(STEP_BYTES))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn take(room: &Room, bytes: u64) -> Option<Taken> {
        match pin!(room.take(bytes)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(taken) => Some(taken),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_is_taken_is_no_more_than_there_is_and_comes_back() {
        let room = Room::new(3 * MIB as usize);
        assert!(!room.is_in_use());
        let mut whole = take(&room, 10 * MIB).unwrap();
        assert!(room.is_in_use());
        assert!(take(&room, 1).is_none());
        whole.keep(MIB as usize);
        let rest = take(&room, 2 * MIB).unwrap();
        assert!(take(&room, 1).is_none(), "who waits and gives up takes nothing");
        drop((whole, rest));
        assert!(take(&room, 3 * MIB).is_some());
    }
}
