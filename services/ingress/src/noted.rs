//! How many refused webhooks of an input are kept for its owner to see.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::InputId;
use tokio::time::Instant;

/// How many of an input are kept in [`SPAN`] by one process: enough to see what is wrong, and too few
/// for strangers to fill the log.
pub(crate) const NOTED_MAX: u32 = 30;
/// The span over which they are counted.
const SPAN: Duration = Duration::from_secs(60);

/// What was kept in the current span, which ends for all inputs together.
#[derive(Debug)]
pub(crate) struct Noted {
    span: Mutex<(Instant, HashMap<InputId, u32>)>,
}

impl Noted {
    pub(crate) fn new() -> Self {
        Self { span: Mutex::new((Instant::now(), HashMap::new())) }
    }

    /// Takes one of the places of an input, which must exist; false when none is left.
    pub(crate) fn take(&self, input: InputId, now: Instant) -> bool {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(span.0) >= SPAN {
            *span = (now, HashMap::new());
        }
        let count = span.1.entry(input).or_default();
        let is_left = *count < NOTED_MAX;
        *count += u32::from(is_left);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn so_many_are_kept_in_a_span_and_no_more() {
        let (noted, input, now) = (Noted::new(), InputId(Uuid::nil()), Instant::now());
        assert!((0..NOTED_MAX).all(|_| noted.take(input, now)));
        assert!(!noted.take(input, now));
        assert!(noted.take(InputId(Uuid::from_u128(1)), now), "another input");
        assert!(noted.take(input, now + SPAN), "another span");
    }
}
