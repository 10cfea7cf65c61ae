//! The memory that attempts at public outputs take up.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory of all attempts under way, in KiB.
pub(super) const ALL_KIB_MAX: usize = 256 * 1024;
/// The memory of the attempts of one output, in KiB: slow destinations of large bodies wait for
/// themselves before others do.
pub(super) const OUTPUT_KIB_MAX: usize = 16 * 1024;

/// Memory that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Room {
    _of_output: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Waits for so much memory, at most all that an output may have.
    pub(super) async fn take(of_output: &Arc<Semaphore>, of_all: &Arc<Semaphore>, bytes: usize) -> Self {
        let kib = u32::try_from(bytes.div_ceil(1024).min(OUTPUT_KIB_MAX)).unwrap_or(u32::MAX);
        // The semaphores are never closed.
        let of_output = of_output.clone().acquire_many_owned(kib).await.ok();
        let of_all = of_all.clone().acquire_many_owned(kib).await.ok();
        Self { _of_output: of_output, _of_all: of_all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_output_has_its_own_limit_and_shares_the_one_of_all() {
        let semaphore = |kib| Arc::new(Semaphore::new(kib));
        let (all, one, other) = (semaphore(OUTPUT_KIB_MAX + 1), semaphore(OUTPUT_KIB_MAX), semaphore(OUTPUT_KIB_MAX));
        let whole = Room::take(&one, &all, OUTPUT_KIB_MAX * 1024 + 1).await;
        assert_eq!((one.available_permits(), all.available_permits()), (0, 1));
        let small = Room::take(&other, &all, 1).await;
        assert_eq!((other.available_permits(), all.available_permits()), (OUTPUT_KIB_MAX - 1, 0));
        drop((whole, small));
        assert_eq!((one.available_permits(), all.available_permits()), (OUTPUT_KIB_MAX, OUTPUT_KIB_MAX + 1));
    }
}
