//! Keeps a watch going through everything that breaks it.

use std::time::Duration;

use telemetry::{Seldom, Stop};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use crate::Error;
use crate::client::chain;

/// The wait before a watch is set up again after it broke.
pub(crate) const AGAIN_WAIT: Duration = Duration::from_millis(500);

/// Follows, and again whenever that ends, until told to stop. `watch` names it in the log.
pub(crate) async fn keep<F>(stop: &Stop, watch: &'static str, follow: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>>,
{
    let mut failures = Seldom::default();
    while !stop.is_given() {
        match Box::pin(stop.or(follow())).await {
            None => return,
            Some(Ok(())) => info!("{watch} ended; starting it again"),
            Some(Err(error)) if failures.is_due() => warn!(error = chain(&error), "{watch} broke; starting it again"),
            Some(Err(error)) => debug!(error = chain(&error), "{watch} broke; starting it again"),
        }
        stop.or(sleep(AGAIN_WAIT)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_breaks_is_followed_again_until_told_to_stop() {
        let (stop, times) = (Stop::new(), Cell::new(0));
        keep(&stop, "a watch", async || {
            times.set(times.get() + 1);
            match times.get() {
                1 => Ok(()),
                2 => Err(Error::timed_out("watch")),
                _ => {
                    stop.give();
                    std::future::pending().await
                }
            }
        })
        .await;
        assert_eq!(times.get(), 3);
    }
}
