//! When a body is too slow.

use super::*;

fn after(received: &[(u64, usize)]) -> f64 {
    let start = Instant::now();
    let mut pace = Pace::start(start);
    for (at, bytes) in received {
        pace.received(*bytes, start + Duration::from_secs(*at));
    }
    (pace.deadline() - start).as_secs_f64()
}

#[test]
fn what_has_come_decides_how_long_the_rest_may_take() {
    assert_eq!(after(&[]), 5.0, "nothing has come");
    assert_eq!(after(&[(4, 3 * 1024)]), 8.0, "each KiB buys a second");
    assert_eq!(after(&[(4, 100 * 1024)]), 14.0, "no more than the idle time");
    assert_eq!(after(&[(55, 200 * 1024)]), 60.0, "no more than the total");
    assert_eq!(after(&[(55, 200 * 1024), (59, 2 * 1024 * 1024)]), 69.0, "a large body has more in all");
    assert_eq!(after(&[(155, 10 * 1024 * 1024)]), 160.0, "10 s for each MiB");
}

#[test]
fn our_own_waiting_does_not_count() {
    let start = Instant::now();
    let mut pace = Pace::start(start);
    pace.received(20 * 1024, start + Duration::from_secs(2));
    pace.paused(Duration::from_secs(30));
    assert_eq!(pace.deadline() - start, Duration::from_secs(42));
}

#[test]
fn who_takes_up_memory_that_is_short_has_to_bring_more_of_it() {
    let start = Instant::now();
    let mut pace = Pace::start(start);
    let seconds = |pace: &Pace| (pace.crowded_deadline() - start).as_secs();
    assert_eq!(seconds(&pace), 2);
    let at = |seconds| start + Duration::from_secs(seconds);
    pace.received(CROWDED_BYTES as usize - 1, at(1));
    assert_eq!(seconds(&pace), 2, "not enough");
    pace.received(1, at(2));
    assert_eq!(seconds(&pace), 4);
    pace.received(CROWDED_BYTES as usize, at(3));
    pace.paused(Duration::from_secs(10));
    assert_eq!(seconds(&pace), 15, "our own waiting does not count");
}
