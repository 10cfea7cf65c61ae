//! The store cannot be opened: what is said of it, and when it is tried again.

use std::time::Duration;

use telemetry::Seldom;
use tracing::{debug, error, warn};

use crate::Error;
use crate::client::{SETUP_WAIT, chain};

/// The wait before the next try where somebody gave the wrong key or setting.
const MEND_WAIT: Duration = Duration::from_secs(5);

/// What went wrong so far.
#[derive(Default)]
pub(crate) struct Failures {
    last: String,
    seldom: Seldom,
}

impl Failures {
    /// Logs a failure, and says how long to wait after it.
    pub(crate) fn say(&mut self, failure: &Error) -> Duration {
        let error = chain(failure);
        let is_due = self.is_due(&error);
        match failure {
            _ if !is_due => debug!(error, "the store is not ready; trying again"),
            Error::Sealed { .. } => error!(
                error,
                "the master key is another than that of this store: give the one that is named, further keys on \
                 further lines; nothing was overwritten"
            ),
            Error::OtherShards { .. } => error!(
                error,
                "--shards is another than this NATS was set up with, and cannot be changed: give that number; \
                 nothing was changed"
            ),
            _ => warn!(error, "the store is not ready; trying again"),
        }
        match failure {
            Error::Sealed { .. } | Error::OtherShards { .. } | Error::KeyringLost => MEND_WAIT,
            Error::Unavailable { .. }
            | Error::Conflict
            | Error::Exists
            | Error::NoKey { .. }
            | Error::Unreadable { .. } => SETUP_WAIT,
        }
    }

    /// At once when it is another than before, and otherwise seldom.
    fn is_due(&mut self, error: &str) -> bool {
        if error != self.last {
            error.clone_into(&mut self.last);
            self.seldom = Seldom::default();
        }
        self.seldom.is_due()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_said_once_a_minute_and_another_at_once() {
        let mut failures = Failures::default();
        let mut said = 0;
        for _ in 0..240 {
            said += u32::from(failures.is_due("one"));
            tokio::time::sleep(SETUP_WAIT).await;
        }
        assert_eq!(said, 2);
        assert!(failures.is_due("two") && !failures.is_due("two") && failures.is_due("one"));
    }

    #[test]
    fn what_somebody_has_to_mend_is_tried_again_later_than_an_outage() {
        let mut failures = Failures::default();
        assert_eq!(failures.say(&Error::OtherShards { told: 1, found: 2 }), MEND_WAIT);
        assert_eq!(failures.say(&Error::timed_out("connect")), SETUP_WAIT);
    }
}
