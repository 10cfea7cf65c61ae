//! Tests of what pongs prove.

use super::*;

#[test]
fn a_pong_proves_what_was_written_before_its_ping() {
    let mut pongs = Pongs::default();
    assert!(pongs.wrote(1), "no ping is under way");
    pongs.pinged();
    assert!(!pongs.wrote(2), "one is");
    assert_eq!(pongs.ponged(), (vec![1], true));
    pongs.pinged();
    assert_eq!(pongs.ponged(), (vec![2], false));
}

#[test]
fn a_pong_that_answers_no_ping_proves_nothing() {
    let mut pongs = Pongs::default();
    pongs.wrote(1);
    assert_eq!(pongs.ponged().0, Vec::<u64>::new());
    pongs.pinged();
    assert_eq!(pongs.ponged().0, [1]);
}

#[test]
fn a_late_pong_counts_for_the_ping_that_it_answers() {
    let mut pongs = Pongs::default();
    pongs.wrote(1);
    pongs.pinged();
    pongs.wrote(2);
    pongs.pinged();
    assert_eq!(pongs.ponged().0, [1]);
    assert!(!pongs.wants_ping());
    assert_eq!(pongs.ponged().0, [2]);
    assert_eq!(pongs.ponged().0, Vec::<u64>::new());
}

#[test]
fn what_is_forgotten_is_proven_by_nothing_and_old_pongs_prove_nothing_new() {
    let mut pongs = Pongs::default();
    pongs.wrote(1);
    pongs.pinged();
    pongs.wrote(2);
    pongs.forget();
    pongs.wrote(3);
    pongs.pinged();
    assert_eq!(pongs.ponged().0, Vec::<u64>::new(), "it answers the ping of before");
    assert_eq!(pongs.ponged().0, [3]);
}
