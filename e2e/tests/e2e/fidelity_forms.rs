//! Requests of other forms than HTTP/1.1 with a path, and what outputs change on purpose.

use anyhow::Result;
use e2e::{Arrival, World, story};
use serde_json::{Value, json};

use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_without_a_host() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let request = format!("POST /v1/webhooks/{} HTTP/1.0\r\nContent-Length: 1\r\n\r\n7", straight.bucket.input);
        let arrival = arrives(&straight, request).await?;
        assert_eq!(arrival.request_line(), "POST /hook HTTP/1.1");
        assert_eq!(arrival.header("X-Forwarded-Host"), None);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let host = straight.server.address();
        let input = straight.bucket.input;
        let request = format!("GET http://{host}/v1/webhooks/{input}/a?b HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(arrives(&straight, request).await?.request_line(), "GET /hook/a?b HTTP/1.1");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_before_the_answers_are_read() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let input = straight.bucket.input;
        let request = |n: u64| format!("POST /v1/webhooks/{input} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{n}");
        let mut connection = straight.server.connect().await?;
        connection.send([request(1), request(2), request(3)].concat().as_bytes()).await?;
        for _ in 0..3 {
            assert_eq!(connection.answer("POST").await?.status, 200);
        }
        let arrivals = straight.destination.receives(3).await?;
        assert_eq!(arrivals.iter().filter_map(Arrival::number).collect::<Vec<_>>(), [1, 2, 3]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_may_replace_headers() {
    let output = json!({"headers": {"X-Api-Key": ["secret"], "User-Agent": ["relay"]}});
    check(output, "/a?b", &["User-Agent: curl", "X-Other: 1", "user-agent: again"], |arrival| {
        assert_eq!(arrival.request_line(), "POST /hook/a?b HTTP/1.1");
        let head = String::from_utf8_lossy(&arrival.head).into_owned();
        let expected =
            "\r\nUser-Agent: relay\r\nX-Other: 1\r\nContent-Length: 0\r\nX-Api-Key: secret\r\nX-Forwarded-For";
        assert!(head.contains(expected), "{head}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_may_lock_its_path() {
    check(json!({"lock_path": true}), "/caller?source=github", &[], |arrival| {
        assert_eq!(arrival.request_line(), "POST /hook HTTP/1.1");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_may_have_an_answer_of_its_own() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let answer =
            json!({"name": "custom", "status_code": 202, "body": "queued\n", "headers": {"X-Queue": ["a", "b"]}});
        let input = straight.api.make_input(&straight.bucket, answer).await?;
        e2e::wait::until("the new input answers", async || {
            let answer = straight.server.caller().post(input, b"1").await?;
            if answer.status != 202 {
                return Ok(None);
            }
            assert_eq!(answer.text(), "queued\n");
            assert!(answer.head.to_ascii_lowercase().contains("x-queue: a\r\nx-queue: b\r\n"), "{}", answer.head);
            Ok(Some(()))
        })
        .await?;
        straight.destination.receives(1).await?;
        Ok(())
    })
    .await;
}

/// Sends one POST to an output with these fields and looks at what arrives.
async fn check(output: Value, suffix: &str, lines: &[&str], look: impl Fn(&Arrival)) {
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), output).await?;
        let start = format!("POST /v1/webhooks/{}{suffix} HTTP/1.1", straight.bucket.input);
        let lines = [&[start.as_str(), "Host: relay.example"], lines, &["Content-Length: 0", "", ""]].concat();
        look(&arrives(&straight, lines.join("\r\n")).await?);
        Ok(())
    })
    .await;
}

async fn arrives(straight: &Straight, request: String) -> Result<Arrival> {
    let method = request.split(' ').next().unwrap_or_default();
    let answer = straight.server.caller().send(method, request.as_bytes()).await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Ok(straight.destination.receives(1).await?.remove(0))
}
