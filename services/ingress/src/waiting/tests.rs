//! Tests of the callers' places.

use model::OutputId;
use uuid::Uuid;

use super::*;

const EVENT: EventId = EventId(Uuid::from_u128(1));
const ONE: OutputId = OutputId(Uuid::from_u128(11));
const OTHER: OutputId = OutputId(Uuid::from_u128(12));

fn listening() -> Waiting {
    let waiting = Waiting::new();
    waiting.subject.send_replace(Some("waiting.here".to_owned()));
    waiting
}

fn place(waiting: &Waiting, answer_from: AnswerFrom) -> Place {
    let (place, subject) = waiting.place(EVENT, &Wait { answer_from, seconds: 1, fallback: None }).unwrap();
    assert_eq!(subject, "waiting.here");
    place
}

fn given(output: OutputId, status: u32) -> Given {
    Given { event: EVENT, output, answer: Answer { status, ..Answer::default() } }
}

#[tokio::test]
async fn the_first_answer_that_fits_is_the_callers() {
    let waiting = listening();
    let any = place(&waiting, AnswerFrom::AnyOutput);
    waiting.give(given(OTHER, 201));
    waiting.give(given(ONE, 202));
    assert_eq!(any.answer().await.map(|a| a.status), Some(201));

    let one = place(&waiting, AnswerFrom::Output(ONE));
    waiting.give(given(OTHER, 201));
    waiting.give(given(ONE, 202));
    assert_eq!(one.answer().await.map(|a| a.status), Some(202));
}

#[tokio::test(start_paused = true)]
async fn a_place_ends_with_its_time_and_is_left_behind_by_nobody() {
    let waiting = listening();
    let one = place(&waiting, AnswerFrom::Output(ONE));
    waiting.give(given(OTHER, 201));
    assert!(one.answer().await.is_none());
    assert!(waiting.callers().is_empty());

    drop(place(&waiting, AnswerFrom::AnyOutput));
    assert!(waiting.callers().is_empty(), "the caller has gone");
    waiting.give(given(ONE, 200));
}

#[test]
fn nobody_waits_before_this_process_listens() {
    let wait = Wait { answer_from: AnswerFrom::AnyOutput, seconds: 0, fallback: None };
    assert!(Waiting::new().place(EVENT, &wait).is_none());
}

#[test]
fn the_time_is_bounded() {
    let waiting = listening();
    for (seconds, expected) in [
        (0, WAIT_SECONDS_DEFAULT),
        (1, 1),
        (WAIT_SECONDS_MAX, WAIT_SECONDS_MAX),
        (WAIT_SECONDS_MAX + 1, WAIT_SECONDS_MAX),
    ] {
        let wait = Wait { answer_from: AnswerFrom::AnyOutput, seconds, fallback: None };
        let (place, _) = waiting.place(EVENT, &wait).unwrap();
        assert_eq!(place.span, Duration::from_secs(expected.into()), "{seconds}");
    }
}
