//! Waiting for conditions, never for times.

use std::time::Duration;

use anyhow::bail;
use tokio::time::Instant;

/// How long a condition may take before the test fails: much longer than anything needs on a busy
/// machine, since passing tests never wait for it.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `condition` gives a value, for [`PATIENCE`] at most.
///
/// # Errors
/// When it took longer, saying `what` was waited for; and what the condition returns as an error.
pub async fn until<T>(what: &str, condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    until_within(PATIENCE, what, condition).await
}

/// As [`until`], where the time itself is the requirement.
///
/// # Errors
/// As [`until`].
pub async fn until_within<T>(
    limit: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let looked = tokio::time::timeout_at(deadline, condition()).await;
        match looked {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
            Ok(Err(error)) => return Err(error.context(format!("while waiting until {what}"))),
            Ok(Ok(None)) | Err(_) => bail!("waited {} s in vain until {what}", limit.as_secs_f32()),
        }
    }
}

/// `Some(())` when it holds: what a condition returns that has no value to give.
pub fn holds(condition: bool) -> Option<()> {
    condition.then_some(())
}
