//! Keeps a watch going through everything that breaks it.

use std::time::Duration;

use telemetry::Stop;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use crate::Error;
use crate::client::chain;

/// The wait before a watch is set up again after it broke.
pub(crate) const AGAIN_WAIT: Duration = Duration::from_millis(500);
/// How often it is said that a watch breaks again and again, as it does while NATS is away.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Says something no more often than every [`SAY_EVERY`].
#[derive(Default)]
pub(crate) struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether it is to be said now.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|said| said.elapsed() >= SAY_EVERY);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

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

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_goes_on_is_said_once_a_minute() {
        let mut failures = Seldom::default();
        let mut said = 0;
        for _ in 0..360 {
            said += u32::from(failures.is_due());
            sleep(AGAIN_WAIT).await;
        }
        assert_eq!(said, 3);
    }
}
