//! Ten wrong secrets a minute, for each key by itself.

use uuid::Uuid;

use super::*;

fn key(n: u128) -> TokenId {
    TokenId(Uuid::from_u128(n))
}

#[test]
fn turns_away_after_the_limit_until_the_span_is_over() {
    let now = Instant::now();
    let mut failures = Failures::new();
    for _ in 0..FAILURES_MAX {
        assert!(!failures.too_many(key(1), now));
        failures.count(key(1), now);
    }
    assert!(failures.too_many(key(1), now));
    assert!(failures.too_many(key(1), now + FAILURES_SPAN - Duration::from_millis(1)));
    assert!(!failures.too_many(key(1), now + FAILURES_SPAN));
}

#[test]
fn counts_anew_after_the_span() {
    let now = Instant::now();
    let mut failures = Failures::new();
    for _ in 0..FAILURES_MAX {
        failures.count(key(1), now);
    }
    failures.count(key(1), now + FAILURES_SPAN);
    assert!(!failures.too_many(key(1), now + FAILURES_SPAN));
}

#[test]
fn leaves_other_keys_alone() {
    let now = Instant::now();
    let mut failures = Failures::new();
    for _ in 0..FAILURES_MAX {
        failures.count(key(1), now);
    }
    assert!(!failures.too_many(key(2), now));
}
