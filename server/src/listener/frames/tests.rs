//! Frames cut anywhere, and the allowance at its limit.

use std::time::Duration;

use super::*;

const PING: u8 = 6;

/// A frame of this kind with so many bytes.
fn frame(kind: u8, bytes: usize) -> Vec<u8> {
    let [high, middle, low] = [(bytes >> 16) as u8, (bytes >> 8) as u8, bytes as u8];
    [&[high, middle, low, kind, 0, 0, 0, 0, 0], vec![PING; bytes].as_slice()].concat()
}

fn counted(preface_bytes: usize) -> Counted<()> {
    Counted { inner: (), at: At::Rest(preface_bytes), allowance: Allowance::new(Instant::now()) }
}

#[tokio::test]
async fn frames_are_counted_wherever_they_are_cut() {
    let frames = [frame(PING, 8), frame(DATA, 300), frame(4, 0), frame(HEADERS, 70_000), frame(2, 5), frame(9, 1)];
    let bytes = [vec![PING; 24], frames.concat()].concat();
    for size in [1, 2, 8, 9, 10, 33, 100_000] {
        let mut counted = counted(24);
        for part in bytes.chunks(size) {
            counted.follow(part, Instant::now()).unwrap();
        }
        assert_eq!(counted.allowance.frames, CONTROL_FRAMES_MAX - 2, "cut every {size} bytes");
    }
}

#[tokio::test]
async fn so_many_may_come_and_no_more_until_time_passes_or_something_is_written() {
    let now = Instant::now();
    let mut allowance = Allowance::new(now);
    let take = |allowance: &mut Allowance, count: u32, now| {
        (0..count).map(|_| allowance.take(PING, now)).all(|taken| taken.is_ok())
    };
    assert!(take(&mut allowance, CONTROL_FRAMES_MAX, now));
    assert!(!take(&mut allowance, 1, now));
    assert!((0..10_000).all(|_| allowance.take(DATA, now).is_ok()), "data is never too much");

    let later = now + Duration::from_secs(2);
    assert!(take(&mut allowance, 2 * PER_SECOND, later));
    assert!(!take(&mut allowance, 1, later));

    for _ in 0..4 {
        allowance.wrote(BYTES_PER_FRAME / 4);
    }
    assert!(take(&mut allowance, 1, later));
    assert!(!take(&mut allowance, 1, later));

    allowance.take(HEADERS, later).unwrap();
    assert!(take(&mut allowance, 1, later));
    assert!(!take(&mut allowance, 1, later));

    allowance.wrote(usize::MAX / 2);
    assert!(take(&mut allowance, CONTROL_FRAMES_MAX, later));
    assert!(!take(&mut allowance, 1, later));
}
