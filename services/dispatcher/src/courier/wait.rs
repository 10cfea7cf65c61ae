//! Waiting for what may not be there.

use std::pin::Pin;

use tokio::time::{Instant, sleep_until};

/// Something that is being done with an event.
pub(super) type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Waits for a moment; for ever when there is none.
pub(super) async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits for what is being done with an event; for ever when there is nothing.
pub(super) async fn finished<T>(doing: &mut Option<Doing<T>>) -> Option<T> {
    let done = match doing {
        Some(doing) => doing.as_mut().await,
        None => std::future::pending().await,
    };
    *doing = None;
    Some(done)
}
