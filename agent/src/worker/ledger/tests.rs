//! Tests of joining and remembering attempts.

use model::fact::Outcome;
use model::{EventId, OutputId};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::super::job::Report;
use super::*;

const ATTEMPT: Attempt = Attempt { event: EventId(Uuid::nil()), output: OutputId(Uuid::nil()), number: 1 };
const ENDED: Ended = Ended { attempt: ATTEMPT, outcome: Outcome::Answered(200), duration_ms: 7, answer: None };

fn ticket() -> (Ticket, mpsc::UnboundedReceiver<Report>) {
    let (tx, rx) = mpsc::unbounded_channel();
    (Ticket::new(3, tx), rx)
}

fn begin(ledger: &Ledger, ticket: Ticket, now: Instant) -> Option<UnderWay> {
    match ledger.begin(ATTEMPT, ticket, now) {
        Begun::Here(under_way) => Some(under_way),
        Begun::Elsewhere => None,
    }
}

#[test]
fn an_attempt_under_way_is_joined_by_those_who_ask_again() {
    let (ledger, now) = (Ledger::default(), Instant::now());
    let (first, lost) = ticket();
    let under_way = begin(&ledger, first, now).unwrap();
    drop(lost);
    let (second, mut reports) = ticket();
    assert!(begin(&ledger, second, now).is_none());
    under_way.finish(ENDED, now);
    assert_eq!(reports.try_recv(), Ok(Report { number: 3, ended: Some(ENDED) }));
    assert!(begin(&ledger, ticket().0, now).is_some(), "what was reported is forgotten");
}

#[test]
fn an_outcome_that_nobody_took_answers_the_next_who_asks_and_no_other() {
    let (ledger, now) = (Ledger::default(), Instant::now());
    let (first, lost) = ticket();
    let under_way = begin(&ledger, first, now).unwrap();
    drop(lost);
    under_way.finish(ENDED, now);
    let (second, mut reports) = ticket();
    assert!(begin(&ledger, second, now).is_none());
    assert_eq!(reports.try_recv(), Ok(Report { number: 3, ended: Some(ENDED) }));
    assert!(begin(&ledger, ticket().0, now).is_some());
}

#[test]
fn memory_is_bounded_in_time_and_number() {
    let (ledger, now) = (Ledger::default(), Instant::now());
    ledger.remember(ENDED, now);
    assert!(begin(&ledger, ticket().0, now + REMEMBERED_TIME_MAX).is_some());
    for number in 0..=REMEMBERED_MAX {
        let attempt = Attempt { number: 2 + u32::try_from(number).unwrap(), ..ATTEMPT };
        ledger.remember(Ended { attempt, ..ENDED }, now);
    }
    let books = ledger.lock();
    assert_eq!((books.order.len(), books.remembered.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
}

#[test]
fn an_attempt_that_is_dropped_is_given_up() {
    let (ledger, now) = (Ledger::default(), Instant::now());
    let (first, mut reports) = ticket();
    drop(begin(&ledger, first, now).unwrap());
    assert_eq!(reports.try_recv(), Ok(Report { number: 3, ended: None }));
    assert!(begin(&ledger, ticket().0, now).is_some());
}
