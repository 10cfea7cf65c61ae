//! The signal to stop: handed down as an argument, never a global.

use std::future::Future;

use tokio_util::sync::CancellationToken;

/// Tells everything below the place where it was made to stop. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A signal that nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that this one gives too, and that can be given on its own.
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Gives the signal. Giving it again changes nothing.
    pub fn give(&self) {
        self.0.cancel();
    }

    /// Whether the signal was given.
    pub fn is_given(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for the signal.
    pub async fn given(&self) {
        self.0.cancelled().await;
    }

    /// Runs `work` until it is done or the signal is given; then it is dropped and `None` returned.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }
}

/// Waits for the operating system's request to end the process: interrupt or terminate.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn requested() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_parent_stops_its_children_and_not_the_other_way() {
        let parent = Stop::new();
        let child = parent.child();
        child.give();
        assert!(child.is_given() && !parent.is_given());
        let other = parent.child();
        parent.give();
        other.given().await;
        assert_eq!(other.or(std::future::pending::<()>()).await, None);
    }
}
