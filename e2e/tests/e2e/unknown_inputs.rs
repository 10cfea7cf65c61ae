//! Nobody learns from an answer which inputs exist.

use anyhow::Result;
use e2e::http::Answer;
use e2e::wait::until;
use e2e::{Api, Bucket, Server, World, story};
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_inputs_are_answered_alike() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = bucket(&server.api()?).await?;
        for answers in [post(&server, &bucket, b"1").await?, post(&server, &bucket, b"").await?] {
            assert_all_alike(&answers, 200);
        }
        let large = vec![b'x'; 2 * 1024 * 1024];
        assert_all_alike(&post(&server, &bucket, &large).await?, 200);
        let too_large = vec![b'x'; 10 * 1024 * 1024 + 1];
        assert_all_alike(&post(&server, &bucket, &too_large).await?, 413);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nats_is_away_both_are_told_to_come_again() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        let bucket = bucket(&relay.rest()?).await?;
        assert_all_alike(&post(&relay.ingress, &bucket, b"1").await?, 200);

        relay.nats.kill().await?;
        let answers = post(&relay.ingress, &bucket, b"2").await?;
        assert_all_alike(&answers, 503);
        assert!(answers[0].header("retry-after").is_some(), "{}", answers[0].head);
        assert_eq!(relay.ingress.status("/livez").await, Some(200));
        assert_eq!(relay.ingress.status("/readyz").await, Some(503));

        relay.nats.start_again().await?;
        relay.ingress.until_ready().await?;
        until("webhooks are taken again", async || {
            let answers = post(&relay.ingress, &bucket, b"3").await?;
            Ok(answers.iter().all(|answer| answer.status == 200).then_some(()))
        })
        .await
    })
    .await;
}

/// Answers to the same webhook for an input that exists, one that does not, and no id at all.
async fn post(server: &Server, bucket: &Bucket, body: &[u8]) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for input in [bucket.input.to_string(), Uuid::new_v4().to_string(), Uuid::nil().to_string(), "x".repeat(36)] {
        let head = format!("POST /v1/webhooks/{input} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        answers.push(server.caller().send("POST", &[head.as_bytes(), body].concat()).await?);
    }
    Ok(answers)
}

/// That all of these answers have this status and differ in nothing but the date.
pub(crate) fn assert_all_alike(answers: &[Answer], status: u16) {
    let without_date = |answer: &Answer| {
        let lines = answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
        (lines.map(str::to_owned).collect::<Vec<_>>(), answer.body.clone())
    };
    assert_eq!(answers[0].status, status, "{}", answers[0].head);
    for answer in &answers[1..] {
        assert_eq!(without_date(answer), without_date(&answers[0]));
    }
}

async fn bucket(api: &Api) -> Result<Bucket> {
    api.make_bucket("deploys", json!({})).await
}
