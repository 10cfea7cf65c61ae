//! Tests of the order in which attempts start, on a clock of their own.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::*;

const OUTPUT: OutputId = OutputId(Uuid::nil());

/// Pushes `count` jobs at once, each taking `answer_time`; says when each started, in milliseconds.
async fn starts(count: usize, answer_time: Duration) -> Vec<(usize, u128)> {
    starts_with(count, move |_| answer_time).await
}

/// The same, with an answer time for each.
async fn starts_with(count: usize, answer_time: impl Fn(usize) -> Duration) -> Vec<(usize, u128)> {
    let lanes = Arc::new(Lanes::default());
    let tasks = TaskTracker::new();
    let begun = Instant::now();
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut lane = None;
    for job in 0..count {
        lane = lane.or(lanes.push(OUTPUT, job));
    }
    let make = |job: usize| {
        let (log, answer_time) = (log.clone(), answer_time(job));
        async move {
            log.lock().unwrap().push((job, begun.elapsed().as_millis()));
            tokio::time::sleep(answer_time).await;
        }
    };
    lanes.run(lane.unwrap(), make, &tasks).await;
    tasks.close();
    tasks.wait().await;
    assert!(lanes.push(OUTPUT, count).is_some(), "an empty lane is given up");
    let log = log.lock().unwrap();
    log.clone()
}

#[tokio::test(start_paused = true)]
async fn the_next_starts_when_the_one_before_is_answered() {
    let starts = starts(4, Duration::from_millis(10)).await;
    assert_eq!(starts, [(0, 0), (1, 10), (2, 20), (3, 30)]);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_hangs_does_not_stop_those_behind() {
    let starts = starts(8, Duration::from_secs(60)).await;
    let waits: Vec<_> = starts.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    assert!(starts.iter().map(|(job, _)| *job).eq(0..8), "in order: {starts:?}");
    let timer_ms = 1;
    for (wait, patience) in waits.iter().zip([250, 125, 62, 31, 15, 7, 5]) {
        assert!((patience..=patience + timer_ms).contains(wait), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_that_come_faster_than_answers_overlap_in_the_end() {
    // Each answer comes within the patience, and still the lane must not fall behind for ever.
    let starts = starts(100, Duration::from_millis(200)).await;
    assert!(starts.iter().map(|(job, _)| *job).eq(0..100), "in order: {starts:?}");
    let in_turn = 100 * 200;
    assert!(starts[99].1 < in_turn / 10, "{starts:?}");
    assert!(starts[99].1 - starts[98].1 <= PATIENCE_MIN.as_millis() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_in_a_long_line_of_quick_answers_lets_nobody_overtake() {
    let hiccup = Duration::from_millis(100);
    let starts = starts_with(500, |job| if job == 400 { hiccup } else { Duration::from_millis(1) }).await;
    assert_eq!(starts[401].1 - starts[400].1, hiccup.as_millis(), "the one behind it waits");
}

#[tokio::test(start_paused = true)]
async fn what_is_cleared_never_starts() {
    let lanes = Lanes::default();
    let lane = lanes.push(OUTPUT, 0).unwrap();
    assert_eq!(lanes.push(OUTPUT, 1), None);
    lanes.clear();
    lanes.run(lane, |job: i32| async move { panic!("job {job} started") }, &TaskTracker::new()).await;
}
