//! Tests of the courier's decisions.

use std::time::Duration;

use bytes::Bytes;
use model::InputId;
use uuid::Uuid;

use super::limits::{OPEN_DEFAULT, SUSPECT_AFTER};
use super::*;

const NOW: UnixMs = UnixMs(1_000_000);

fn event(n: u128) -> EventId {
    EventId(Uuid::from_u128(n))
}

fn pulled(n: u128) -> Pulled {
    Pulled {
        event: event(n),
        meta: store::event::Meta::default(),
        place: 1,
        input: InputId(Uuid::nil()),
        stored_at: NOW,
        again: None,
        sealed: Bytes::new(),
        receipt: Some(receipt(n)),
    }
}

fn receipt(n: u128) -> Receipt {
    Receipt::from_subject(format!("receipt.{n}"))
}

fn book(events: impl IntoIterator<Item = u128>) -> Book {
    let mut book = Book::new();
    for n in events {
        assert_eq!(book.take(pulled(n), NOW), None);
    }
    book
}

/// Begins everything that may begin now.
fn begin_all(book: &mut Book) -> Vec<u128> {
    std::iter::from_fn(|| book.begin(NOW)).map(|due| due.event().0.as_u128()).collect()
}

/// An attempt at the event succeeded.
fn succeed(book: &mut Book, n: u128) {
    book.conclude(event(n)).unwrap();
    book.note(true, NOW);
    book.ended(event(n)).unwrap();
}

/// An attempt at the event failed and is due again at that time.
fn fail(book: &mut Book, n: u128, again: UnixMs) {
    book.conclude(event(n)).unwrap();
    book.note(false, NOW);
    assert_eq!(book.retry(event(n), again, NOW), None);
}

#[test]
fn events_begin_in_order_and_success_widens_the_limit() {
    let mut book = book(1..=10);
    assert_eq!(begin_all(&mut book), [1]);
    succeed(&mut book, 1);
    assert_eq!(begin_all(&mut book), [2, 3]);
    succeed(&mut book, 2);
    assert_eq!(begin_all(&mut book), [4, 5, 6]);
}

#[test]
fn the_limit_has_an_end_and_reading_ahead_comes_with_it() {
    let mut book = Book::new();
    assert_eq!(book.wanted(), 2);
    for n in 0..10 {
        book.take(pulled(n), NOW);
        assert!(book.begin(NOW).is_some());
        succeed(&mut book, n);
    }
    assert_eq!(book.wanted(), IN_HAND_MAX + WAITING_MAX);
    for n in 100..400 {
        book.take(pulled(n), NOW);
    }
    assert_eq!(begin_all(&mut book).len(), IN_HAND_MAX);
    assert_eq!(book.wanted(), 0);
}

#[test]
fn a_retry_waits_for_its_time_and_holds_nobody_up() {
    let mut book = book(1..=3);
    assert_eq!(begin_all(&mut book), [1]);
    let later = NOW.plus(Duration::from_secs(1));
    fail(&mut book, 1, later);
    assert_eq!(book.next_at(NOW), Some(later));
    assert_eq!(begin_all(&mut book), [2]);
    succeed(&mut book, 2);
    let again = book.begin(later).unwrap();
    assert_eq!((again.event(), again.attempt), (event(1), 2));
}

#[test]
fn an_output_that_fails_again_and_again_is_tried_with_what_failed_alone() {
    let mut book = book(1..=20);
    let (soon, later) = (NOW.plus(Duration::from_secs(1)), NOW.plus(OPEN_DEFAULT));
    for n in 1..=u128::from(SUSPECT_AFTER) {
        assert_eq!(begin_all(&mut book), [n]);
        fail(&mut book, n, soon);
    }
    assert!(book.is_suspect());
    assert_eq!(begin_all(&mut book), [] as [u128; 0], "no first attempt while it is suspect");
    assert_eq!(book.wanted(), 0);
    assert!(book.begin(soon).is_none(), "it is left alone");
    assert_eq!(book.next_at(soon), Some(later));
    let probe = book.begin(later).unwrap();
    assert!(book.begin(later).is_none(), "one at a time");
    succeed(&mut book, probe.event().0.as_u128());
    assert!(!book.is_suspect());
    assert!(book.begin(later).is_some());
}

#[test]
fn a_suspect_output_without_retries_is_tried_with_the_next_event() {
    let mut book = book(1..=20);
    for n in 1..=u128::from(SUSPECT_AFTER) {
        assert_eq!(begin_all(&mut book), [n]);
        book.conclude(event(n)).unwrap();
        book.note(false, NOW);
        book.ended(event(n)).unwrap();
    }
    let probe = book.begin(NOW.plus(OPEN_DEFAULT)).unwrap();
    assert_eq!(probe.event(), event(u128::from(SUSPECT_AFTER) + 1));
}

#[test]
fn events_that_wait_for_a_retry_are_limited() {
    let mut book = book(0..100);
    for n in 0..RETRYING_MAX as u128 {
        // Every other success keeps the output from being suspect.
        book.note(true, NOW);
        assert!(book.begin(NOW).is_some());
        fail(&mut book, n, NOW.plus(PARK_FROM));
    }
    assert!(book.begin(NOW).is_none());
    assert_eq!(book.wanted(), 0);
}

#[test]
fn an_event_given_out_again_only_renews_its_receipt() {
    let mut book = book([1]);
    assert_eq!(begin_all(&mut book), [1]);
    let mut again = pulled(1);
    again.receipt = Some(Receipt::from_subject("new".to_owned()));
    book.take(again, NOW);
    assert_eq!(begin_all(&mut book), [] as [u128; 0]);
    book.conclude(event(1)).unwrap();
    assert_eq!(book.ended(event(1)).unwrap(), Receipt::from_subject("new".to_owned()));
}

#[test]
fn what_a_session_lost_takes_its_place_again() {
    let mut book = book(1..=4);
    book.note(true, NOW);
    assert_eq!(begin_all(&mut book), [1, 2]);
    book.lost(event(2));
    book.lost(event(1));
    let first = book.begin(NOW).unwrap();
    assert_eq!((first.event(), first.attempt), (event(1), 1), "nobody knows of it");
    assert_eq!(book.begin(NOW).unwrap().event(), event(2));
}

#[test]
fn what_is_left_is_given_back_in_order() {
    let mut book = book([3, 4, 5]);
    book.note(true, NOW);
    assert_eq!(begin_all(&mut book), [3, 4]);
    fail(&mut book, 3, NOW);
    let receipts = book.into_receipts();
    let expected = [3, 4, 5].map(receipt);
    assert_eq!(receipts, expected);
}

#[test]
fn what_nobody_has_in_hand_can_be_left_to_others_before_the_rest() {
    let mut book = book([3, 4, 5, 6]);
    book.note(true, NOW);
    assert_eq!(begin_all(&mut book), [3, 4]);
    fail(&mut book, 4, NOW);
    assert_eq!(book.leave_waiting(), [4, 5, 6].map(receipt));
    assert_eq!(book.into_receipts(), [receipt(3)]);
}

#[test]
fn whatever_has_not_ended_is_counted_wherever_it_is() {
    let mut book = book([5, 3, 7]);
    assert_eq!(book.all_here(), (3, Some(event(3))));
    assert_eq!(begin_all(&mut book), [5]);
    book.conclude(event(5)).unwrap();
    book.note(false, NOW);
    assert_eq!(book.retry(event(5), NOW.plus(PARK_FROM * 2), NOW), Some(receipt(5)), "it is parked");
    assert_eq!(begin_all(&mut book), [3]);
    succeed(&mut book, 3);
    assert_eq!(book.all_here(), (2, Some(event(5))));
}

#[test]
fn the_circuit_is_open_until_an_attempt_succeeds() {
    let mut book = book(1..=10);
    for n in 1..=SUSPECT_AFTER {
        assert!(!book.is_open());
        assert_eq!(book.failures(), n - 1);
        book.note(false, NOW);
    }
    assert!(book.is_open());
    book.note(true, NOW);
    assert!(!book.is_open() && book.failures() == 0);
}

mod policy;

mod properties;

#[test]
fn what_is_let_go_is_what_was_not_begun() {
    let mut book = book(1..=3);
    assert_eq!(begin_all(&mut book), [1]);
    fail(&mut book, 1, NOW.plus(Duration::from_secs(1)));
    assert_eq!(begin_all(&mut book), [2]);
    assert_eq!(book.let_go(), [receipt(3), receipt(1)]);
    assert_eq!((begin_all(&mut book), book.all_here()), (vec![], (1, Some(event(2)))));
    succeed(&mut book, 2);
}
