//! What the logs say of what happened, over the REST API.

use std::fs;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::wait::{holds, until};
use e2e::{Api, Reply, World, story};
use serde_json::{Value, json};

use crate::straight::{Straight, send};

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_listed_filtered_and_sent_again() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.destination.replies(|arrival| Reply::Status(if arrival.number() == Some(2) { 404 } else { 200 }));
        straight.send(1..=3).await?;
        let api = &straight.api;
        let ledger = until_ledger(api, "all have ended", |line| line["sent"] == 2 && line["failed"] == 1).await?;
        assert_eq!(
            (&ledger["received"], &ledger["pending"], &ledger["balanced"]),
            (&json!(3), &json!(0), &json!(true))
        );

        let all = get(api, "/v1/logs?bucket=deploys").await?;
        let bodies = all["data"].as_array().context("no data")?.iter().map(|log| log["created_at"].as_u64());
        assert!(bodies.is_sorted_by(|newer, older| newer >= older) && all["total"] == 3, "{all}");
        let failed = get(api, "/v1/logs?bucket=deploys&status=failed").await?;
        assert_eq!((&failed["total"], &failed["data"][0]["status_code"]), (&json!(1), &json!(404)));
        let first = get(api, "/v1/logs?bucket=deploys&limit=2").await?;
        let rest = format!("/v1/logs?bucket=deploys&cursor={}", first["next_cursor"].as_str().unwrap_or_default());
        assert_eq!(get(api, &rest).await?["data"][0]["id"], all["data"][2]["id"]);

        straight.destination.replies(|_| Reply::Status(200));
        let path = format!("/v1/logs/{}/action", failed["data"][0]["id"].as_str().context("no id")?);
        api.call("POST", &path, &json!({"action": "resend"}), 200).await?;
        until_ledger(api, "it is sent", |line| line["received"] == 4 && line["sent"] == 3).await?;
        let numbers = straight.destination.arrivals().iter().filter(|arrival| arrival.number() == Some(2)).count();
        assert_eq!(numbers, 2);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_log_lost_unbalances_the_ledger() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send(1..=3).await?;
        until_ledger(&straight.api, "all are sent", |line| line["sent"] == 3 && line["balanced"] == true).await?;
        straight.log.lose_last_event(straight.bucket.id).await?;
        let line = until_ledger(&straight.api, "one is missing", |line| line["received"] == 2).await?;
        assert_eq!((&line["sent"], &line["balanced"]), (&json!(3), &json!(false)));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_that_poll_take_each_webhook_once() {
    const EVENTS: u64 = 50;
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("jobs", json!({})).await?;
        send(&server, &bucket, 1..=EVENTS).await?;
        until("all are in the logs", async || Ok(holds(get(&api, "/v1/logs?bucket=jobs").await?["total"] == EVENTS)))
            .await?;
        let (one, two) = tokio::try_join!(drain(&api), drain(&api))?;
        let mut taken = [one, two].concat();
        assert_eq!(taken.len() as u64, EVENTS);
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len() as u64, EVENTS, "none twice");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_a_content_type_is_taken() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        send(&server, &bucket, [1]).await?;
        let log = until("there is a log", async || {
            let page = get(&api, "/v1/logs?bucket=deploys").await?;
            Ok(page["data"][0]["id"].as_str().map(str::to_owned))
        })
        .await?;
        let path = format!("/v1/logs/{log}");
        api.call("PUT", &path, &json!({"status_code": 201, "response_body": "YmFuYW5h"}), 200).await?;
        let seen = until("it is sent", async || {
            let seen = get(&api, &path).await?;
            Ok((seen["status"] == "sent").then_some(seen))
        })
        .await?;
        assert_eq!((&seen["status_code"], &seen["response_body"]), (&json!(201), &json!("YmFuYW5h")));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_until_the_server_stops() {
    story(async |world: &World| {
        let mut server = world.server("relay").start().await?;
        let api = server.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", api.token().key, api.token().secret));
        let mut listener = server.connect().await?;
        // From the beginning on, so that it does not matter when it is heard.
        let request = format!(
            "GET /v1/logs/stream?bucket=deploys HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {credentials}\r\n\
             Last-Event-ID: 0.0\r\nConnection: close\r\n\r\n",
            server.address()
        );
        listener.send(request.as_bytes()).await?;
        send(&server, &bucket, [1]).await?;
        let heard = tokio::spawn(async move { listener.answer("GET").await });
        until("it is in the logs", async || Ok(holds(get(&api, "/v1/logs?bucket=deploys").await?["total"] == 1)))
            .await?;
        server.process().terminate()?;
        let status = server.process_mut().exit().await?;
        assert!(status.success(), "{status}");
        let answer = heard.await??;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("data: {\"id\":"), "{}", answer.text());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_were_deleted_are_made_anew() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send(1..=10).await?;
        let ended = |line: &Value| line["sent"] == 10;
        let ledger = until_ledger(&straight.api, "all are sent", ended).await?;
        let page = get(&straight.api, "/v1/logs?bucket=deploys").await?;
        straight.server.kill().await?;
        for name in ["logs.sqlite", "logs.sqlite-wal", "logs.sqlite-shm"] {
            let file = straight.server.data_dir().join(name);
            assert!(file.exists() || name != "logs.sqlite", "{name} is there");
            if file.exists() {
                fs::remove_file(file)?;
            }
        }
        straight.server.start_again().await?;
        assert_eq!(until_ledger(&straight.api, "they are there again", ended).await?, ledger);
        assert_eq!(get(&straight.api, "/v1/logs?bucket=deploys").await?, page);
        Ok(())
    })
    .await;
}

async fn get(api: &Api, path: &str) -> Result<Value> {
    api.call("GET", path, &Value::Null, 200).await
}

/// Waits until the line of the first output of the only bucket is like this.
async fn until_ledger(api: &Api, what: &str, condition: impl Fn(&Value) -> bool) -> Result<Value> {
    until(what, async || {
        let answer = api.request("GET", "/v1/ledger?bucket=deploys", &Value::Null).await?;
        if answer.status != 200 {
            return Ok(None);
        }
        let line = serde_json::from_slice::<Value>(&answer.body)?[0]["outputs"][0].clone();
        Ok(condition(&line).then_some(line))
    })
    .await
}

/// Takes until there is nothing more; returns the ids.
async fn drain(api: &Api) -> Result<Vec<String>> {
    let mut taken = Vec::new();
    loop {
        let answer = get(api, "/v1/events?bucket=jobs&limit=3").await?;
        let Some(logs) = answer["logs"].as_array() else { return Ok(taken) };
        for log in logs {
            taken.push(log["id"].as_str().context("no id")?.to_owned());
        }
    }
}
