//! Deliveries that do not succeed at once, and those beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use e2e::log::Line;
use e2e::{Arrival, Destination, Reply, World, story};
use model::fact::{Ending, Fact, Outcome};
use serde_json::{Value, json};

use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_refuses_gets_it_when_it_is_up() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let mut late = Destination::refusing()?;
        let output = straight.api.make_output(&straight.bucket, &late.url("/late"), json!({})).await?;
        straight.send_through(1).await?;
        e2e::wait::until("an attempt was refused", async || {
            let refused = outcomes(&straight.log.facts(straight.bucket.id).await?, output).contains(&Outcome::Refused);
            Ok(refused.then_some(()))
        })
        .await?;

        late.open()?;
        let arrival = late.receives(1).await?.remove(0);
        assert!(arrival.attempt() > Some(1), "it says that it is not the first attempt");
        straight.log.until_ended(straight.bucket.id, output, Ending::Sent, 1).await?;
        assert_eq!(straight.destination.count(), 1, "the output beside it got it once");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_is_tried_again() {
    let replies = |attempt: usize| Reply::Status(if attempt == 1 { 500 } else { 200 });
    check(json!({}), replies, &[Outcome::Answered(500), Outcome::Answered(200)], Ending::Sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_tried_again() {
    let replies = |attempt: usize| if attempt == 1 { Reply::Close } else { Reply::Status(204) };
    check(json!({}), replies, &[Outcome::Broken, Outcome::Answered(204)], Ending::Sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_end_is_tried_again() {
    let cut = b"HTTP/1.1 200 OK\r\nContent-Le".to_vec();
    let replies = move |attempt: usize| if attempt == 1 { Reply::Bytes(cut.clone()) } else { Reply::Status(200) };
    check(json!({"timeout": 1}), replies, &[Outcome::TimedOut, Outcome::Answered(200)], Ending::Sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_says_nothing_is_tried_again() {
    let replies = |attempt: usize| if attempt == 1 { Reply::Silence } else { Reply::Status(200) };
    check(json!({"timeout": 1}), replies, &[Outcome::TimedOut, Outcome::Answered(200)], Ending::Sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_found_is_final() {
    check(json!({}), |_| Reply::Status(404), &[Outcome::Answered(404)], Ending::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_final_and_not_followed() {
    let elsewhere = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec();
    let replies = move |_| Reply::Bytes(elsewhere.clone());
    check(json!({}), replies, &[Outcome::Answered(302)], Ending::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_may_want_no_further_attempt() {
    check(json!({"retries": -1}), |_| Reply::Status(503), &[Outcome::Answered(503)], Ending::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_may_want_one_further_attempt() {
    let outcomes = [Outcome::Answered(503), Outcome::Answered(503)];
    check(json!({"retries": 1}), |_| Reply::Status(503), &outcomes, Ending::Failed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_that_do_not_answer_hold_up_nobody_else() {
    const EVENTS: u64 = 300;
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let (silent, refusing, failing) = (Destination::start()?, Destination::refusing()?, Destination::start()?);
        silent.replies(|_| Reply::Silence);
        failing.replies(|_| Reply::Status(500));
        for (name, dead) in [("silent", &silent), ("refusing", &refusing), ("failing", &failing)] {
            straight.api.make_output(&straight.bucket, &dead.url("/"), json!({"name": name})).await?;
        }
        let ledger = straight.send(1..=EVENTS).await?;
        straight.destination.receives_number(EVENTS).await?;
        straight.until_sent(300).await?;
        ledger.close(&straight.destination.arrivals()).assert_once_and_in_order();
        assert!(silent.count() > 0 && failing.count() > 0, "the others were tried");
        Ok(())
    })
    .await;
}

/// Sends one webhook to a destination that replies like this to each attempt, and compares the
/// outcomes in the log and the ending.
async fn check(
    output: Value,
    replies: impl Fn(usize) -> Reply + Send + Sync + 'static,
    expected: &[Outcome],
    ending: Ending,
) {
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), output).await?;
        let attempts = Arc::new(AtomicUsize::new(0));
        straight.destination.replies(move |_| replies(attempts.fetch_add(1, Ordering::SeqCst) + 1));
        straight.send([1]).await?;
        straight.log.until_ended(straight.bucket.id, straight.output, ending, 1).await?;

        let facts = straight.log.facts(straight.bucket.id).await?;
        assert_eq!(outcomes(&facts, straight.output), expected);
        check_attempts(&straight.destination.arrivals(), expected.len())
    })
    .await;
}

/// Every attempt carries the same event, and its own number.
fn check_attempts(arrivals: &[Arrival], count: usize) -> Result<()> {
    let attempts: Vec<u32> = arrivals.iter().filter_map(Arrival::attempt).collect();
    assert_eq!(attempts, (1..=u32::try_from(count)?).collect::<Vec<_>>());
    assert!(arrivals.iter().all(|arrival| arrival.event() == arrivals[0].event()));
    Ok(())
}

fn outcomes(facts: &[Line], output: model::OutputId) -> Vec<Outcome> {
    let of_output = facts.iter().filter(|line| line.output == output);
    of_output
        .filter_map(|line| match line.fact {
            Fact::AttemptFinished { outcome, .. } => Some(outcome),
            Fact::DeliveryEnded { .. } | Fact::Reported { .. } => None,
        })
        .collect()
}
