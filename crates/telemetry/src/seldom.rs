//! What happens again and again is said once a minute.

use std::time::Duration;

use tokio::time::Instant;

/// How often it is said.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Says something no more often than once a minute.
#[derive(Debug, Default)]
pub struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether it is to be said now.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|said| said.elapsed() >= SAY_EVERY);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_said_once_a_minute() {
        let mut failures = Seldom::default();
        let mut said = 0;
        for _ in 0..360 {
            said += u32::from(failures.is_due());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(said, 3);
    }
}
