//! Tests of what an output's policy lets begin.

use model::order;
use model::record::OrderKey;
use model::request::Request;

use super::*;

fn limited(limits: Limits, events: impl IntoIterator<Item = u128>) -> Book {
    let mut book = book(events);
    book.allow(limits);
    book
}

fn key(body: &'static str) -> Key {
    order::key(&OrderKey::Pointer(String::new()), &Request { body: body.into(), ..Request::default() })
}

/// Successes enough for the limit to be as wide as it gets.
fn widen(book: &mut Book) {
    for _ in 0..10 {
        book.note(true, NOW);
    }
}

#[test]
fn in_strict_order_the_next_begins_when_the_one_before_has_ended() {
    let limits = Limits { waits: Waits::Always, at_once: 1, ..Limits::default() };
    let mut book = limited(limits, 1..=3);
    widen(&mut book);
    assert_eq!(begin_all(&mut book), [1]);
    book.conclude(event(1)).unwrap();
    assert_eq!(begin_all(&mut book), [] as [u128; 0], "how it ended is not in the log");
    let far = NOW.plus(PARK_FROM * 100);
    assert_eq!(book.retry(event(1), far, NOW), None, "what others wait for is not parked");
    assert_eq!(begin_all(&mut book), [] as [u128; 0]);
    assert_eq!(book.begin(far).unwrap().event(), event(1));
    succeed(&mut book, 1);
    assert_eq!(begin_all(&mut book), [2]);
}

#[test]
fn where_one_waits_for_another_none_is_left_to_others_before_it() {
    for waits in [Waits::Always, Waits::SameKey] {
        let mut book = limited(Limits { waits, ..Limits::default() }, [1, 2]);
        assert_eq!(begin_all(&mut book), [1]);
        assert_eq!(book.leave_waiting(), []);
    }
}

#[test]
fn in_order_by_key_only_those_with_the_same_key_wait() {
    let limits = Limits { waits: Waits::SameKey, ..Limits::default() };
    let mut book = limited(limits, 1..=4);
    widen(&mut book);
    for (n, body) in [(1, "1"), (2, "1"), (3, "2"), (4, "1")] {
        let due = book.begin(NOW).unwrap();
        assert_eq!(due.event(), event(n));
        match book.busy_keys().unwrap().contains(&key(body)) {
            true => book.wait_for_key(event(n), key(body)),
            false => book.begun(event(n), Some(key(body)), NOW),
        }
    }
    assert_eq!(book.in_hand(), 2);
    assert!(book.begin(NOW).is_none());
    fail(&mut book, 1, NOW.plus(Duration::from_secs(1)));
    widen(&mut book);
    assert!(book.begin(NOW).is_none(), "the key is free when the delivery has ended");
    assert_eq!(book.begin(NOW.plus(Duration::from_secs(1))).unwrap().event(), event(1));
    succeed(&mut book, 1);
    assert_eq!(begin_all(&mut book), [2]);
    succeed(&mut book, 2);
    assert_eq!(begin_all(&mut book), [4]);
}

#[test]
fn what_is_parked_while_nobody_asks_for_order_does_not_wait_for_its_own_key() {
    let by_key = Limits { waits: Waits::SameKey, ..Limits::default() };
    let mut book = limited(by_key.clone(), [1]);
    book.begin(NOW).unwrap();
    book.begun(event(1), Some(key("1")), NOW);
    book.allow(Limits::default());
    book.conclude(event(1)).unwrap();
    let far = NOW.plus(PARK_FROM * 2);
    assert_eq!(book.retry(event(1), far, NOW), Some(receipt(1)));
    book.allow(by_key);
    book.unpark(pulled(1), far);
    assert_eq!(book.begin(far).unwrap().event(), event(1));
    assert!(!book.busy_keys().unwrap().contains(&key("1")));
}

#[test]
fn so_many_wait_behind_a_key_and_no_more() {
    let limits = Limits { waits: Waits::SameKey, ..Limits::default() };
    let mut book = limited(limits, 0..=WAITING_MAX as u128 + 1);
    widen(&mut book);
    book.begin(NOW).unwrap();
    book.begun(event(0), Some(key("1")), NOW);
    for n in 1..=WAITING_MAX as u128 {
        book.begin(NOW).unwrap();
        book.wait_for_key(event(n), key("1"));
    }
    assert!(book.begin(NOW).is_none());
    succeed(&mut book, 0);
    assert_eq!(begin_all(&mut book), [1, WAITING_MAX as u128 + 1]);
}

#[test]
fn so_many_begin_at_once_and_in_a_time() {
    let mut book = limited(Limits { at_once: 3, ..Limits::default() }, 1..=9);
    widen(&mut book);
    assert_eq!(begin_all(&mut book).len(), 3);
    assert_eq!(book.wanted(), 0);

    let second = Duration::from_secs(1);
    let mut book = limited(Limits { rate: Some((2, second)), ..Limits::default() }, 1..=9);
    widen(&mut book);
    for n in 1..=2 {
        assert_eq!(book.begin(NOW).unwrap().event(), event(n));
        book.begun(event(n), None, NOW);
    }
    assert!(book.begin(NOW).is_none());
    assert_eq!(book.next_at(NOW), Some(NOW.plus(second)));
    assert!(book.begin(NOW.plus(second)).is_some());
}

#[test]
fn an_output_that_only_fails_is_paused_when_its_policy_says_so() {
    let after = Duration::from_secs(60);
    let mut book = limited(Limits { pause_after: Some(after), ..Limits::default() }, []);
    for _ in 0..SUSPECT_AFTER {
        assert_eq!(book.note(false, NOW), None);
    }
    let just_before = UnixMs(NOW.plus(after).0 - 1);
    assert_eq!(book.note(false, just_before), None);
    let paused = book.note(false, NOW.plus(after)).unwrap();
    assert_eq!((paused.since, paused.failures), (NOW.plus(after), SUSPECT_AFTER + 2));
    assert_eq!(book.note(true, NOW.plus(after)), None);
    assert_eq!(book.note(false, NOW.plus(after)), None, "one success begins anew");
}

#[test]
fn a_delivery_whose_next_attempt_is_far_away_holds_no_place() {
    let mut book = book([1, 2]);
    begin_all(&mut book);
    book.conclude(event(1)).unwrap();
    let far = NOW.plus(PARK_FROM * 2);
    assert_eq!(book.retry(event(1), far, NOW), Some(receipt(1)));
    assert_eq!((book.parked_due(NOW), book.next_at(NOW)), (None, Some(far)));
    assert_eq!(begin_all(&mut book), [2]);
    succeed(&mut book, 2);

    assert_eq!(book.take(pulled(1), NOW), Some(receipt(1)), "given out again, it is acknowledged again");
    let (parked, at) = book.parked_due(far).unwrap();
    assert_eq!((parked, at.place, at.attempt), (event(1), 1, 2));
    book.unpark(Pulled { receipt: None, ..pulled(1) }, far);
    assert_eq!(book.begin(far).unwrap().attempt, 2);
    assert_eq!(book.into_receipts(), []);
}

#[test]
fn after_the_handoff_a_delivery_holds_no_place_however_soon_it_is_tried_again() {
    let mut book = limited(Limits { handoff_after: Duration::ZERO, ..Limits::default() }, [1]);
    begin_all(&mut book);
    book.conclude(event(1)).unwrap();
    let now = NOW.plus(Duration::from_secs(1));
    assert_eq!(book.retry(event(1), now, now), Some(receipt(1)));
}

#[test]
fn what_the_facts_say_is_adopted_once_and_given_up_again() {
    let again = |tried, at| Again { tried, at, place: Some(7) };
    let mut book = book([1]);
    book.adopt([(event(1), again(1, NOW)), (event(2), again(2, NOW)), (event(3), again(1, NOW))], |_, at| at);
    let (first, parked) = book.parked_due(NOW).unwrap();
    assert_eq!((first, parked.place, parked.attempt), (event(2), 7, 3), "what is here is not adopted");
    let grace = Duration::from_secs(90);
    book.adopt([(event(3), again(1, NOW))], |_, at| at.plus(grace));
    assert_eq!((book.parked_due(NOW), book.next_at(NOW)), (None, Some(NOW.plus(grace))), "the other has ended");
    let given_out = Pulled { again: Some(again(1, NOW)), ..pulled(3) };
    assert_eq!(book.take(given_out, NOW), None);
    assert_eq!(book.next_at(NOW), None, "it is ours");
}

#[test]
fn what_was_adopted_and_waits_is_given_up_too_unless_nats_gave_it_out_here() {
    let again = Again { tried: 1, at: NOW, place: Some(7) };
    let all = [(event(1), again), (event(2), again)];
    let mut book = Book::new();
    book.adopt(all, |_, at| at);
    for n in [1, 2] {
        book.unpark(Pulled { receipt: None, ..pulled(n) }, NOW);
    }
    assert_eq!(book.take(Pulled { again: Some(again), ..pulled(1) }, NOW), None);
    let later = NOW.plus(Duration::from_secs(90));
    book.give_up_adopted();
    book.adopt(all, |_, _| later);
    assert_eq!((begin_all(&mut book), book.next_at(NOW)), (vec![1], Some(later)));
}

#[test]
fn so_many_are_parked_and_no_more() {
    let mut book = Book::new();
    let far = NOW.plus(PARK_FROM * 2);
    for n in 0..=parked::PARKED_MAX as u128 {
        let again = Some(Again { tried: 1, at: far, place: Some(1) });
        let taken = book.take(Pulled { again, ..pulled(n) }, NOW);
        assert_eq!(taken.is_some(), n < parked::PARKED_MAX as u128, "{n}");
    }
    assert_eq!(book.into_receipts(), [receipt(parked::PARKED_MAX as u128)]);
}
