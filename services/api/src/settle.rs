//! Waits for what another process wrote to be seen here.

use std::time::Duration;

/// How long it may take: changes act everywhere within a second.
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks until there is something to see; `None` when there was nothing for [`SETTLE_MAX`].
pub(crate) async fn settled<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let seen = async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(SETTLE_MAX, seen).await.ok()
}
