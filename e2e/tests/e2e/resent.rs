//! Webhooks that are sent again: also those that were refused, and with a signature of the relay's own.

use anyhow::{Context, Result};
use e2e::wait::until;
use e2e::{Api, Arrival, World, story};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::straight::Straight;

/// What the sender signs with.
const SENDERS: &str = "whsec_c2VuZGVyJ3Mgc2VjcmV0IGZvciB0ZXN0cw==";
/// What the destination verifies by.
const OURS: &str = "whsec_ZGVzdGluYXRpb24ncyBzZWNyZXQgZm9yIHRlc3Rz";
/// A body that is cut into pieces, in bytes.
const LARGE_BYTES: usize = 2_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_webhook_that_its_owner_sends_again_is_delivered() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let signature = json!({"provider": "standard_webhooks", "secrets": [SENDERS]});
        let input =
            straight.api.make_input(&straight.bucket, json!({"name": "signed", "signature": signature})).await?;
        assert_eq!(straight.server.caller().post(input, b"not signed").await?.status, 401);
        let refused = log_where(&straight.api, |log| log["status"] == "rejected").await?;
        straight.send_through(1).await?;
        assert_eq!(straight.destination.take().len(), 1, "what was refused goes nowhere by itself");
        resend(&straight.api, &refused, json!({})).await?;
        assert_eq!(straight.destination.receives(1).await?[0].body, b"not signed");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_anew_verifies_at_the_destination() {
    story(async |world: &World| {
        let straight = Straight::with(world, json!({}), json!({"resign_secret": OURS})).await?;
        // The library takes text alone.
        let large: Vec<u8> = (0..LARGE_BYTES).map(|at| u8::try_from(at % 127).unwrap()).collect();
        for (number, body) in [(1, &b"{\"a\" : 1}"[..]), (2, &large)] {
            let request = format!(
                "POST /v1/webhooks/{} HTTP/1.1\r\nHost: h\r\nWebhook-Id: old\r\nwebhook-timestamp: 1\r\n\
                 webhook-signature: v1,old\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                straight.bucket.input,
                body.len()
            );
            let request = [request.as_bytes(), body].concat();
            assert_eq!(straight.server.caller().send("POST", &request).await?.status, 200);
            let first = straight.destination.receives(2 * number - 1).await?.remove(2 * number - 2);
            assert!(verify(&first).is_err(), "the sender's own is passed on as it is");
            let event = first.event().context("no event id")?.to_string();
            let log = log_where(&straight.api, |log| log["event_id"] == event).await?;
            resend(&straight.api, &log, json!({"resign": true})).await?;
            let again = straight.destination.receives(2 * number).await?.remove(2 * number - 1);
            assert!(again.body == body);
            verify(&again)?;
            assert_eq!(again.header("webhook-id"), again.event().map(|event| event.to_string()));
            log_where(&straight.api, |log| json!(again.header("webhook-id")) == log["event_id"]).await?;
        }
        let all = json!({"bucket": "deploys", "resign": true});
        straight.api.call("POST", "/v1/replays", &all, 201).await?;
        for arrival in &straight.destination.receives(8).await?[4..] {
            verify(arrival)?;
        }
        let shown = straight.api.call("GET", "/v1/buckets", &Value::Null, 200).await?;
        assert_eq!(shown[0]["outputs"][0]["can_resign"], true);
        assert!(!shown.to_string().contains(&OURS[6..]), "the secret is not shown");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_nothing_is_signed_anew() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let log = log_where(&straight.api, |_| true).await?;
        let path = format!("/v1/logs/{log}/action");
        let output = format!("/v1/buckets/{}/outputs/{}", straight.bucket.id, straight.output);
        for (method, path, body, why) in [
            (
                "POST",
                path.as_str(),
                json!({"action": "resend", "resign": true}),
                "needs an output that has a resign_secret",
            ),
            (
                "POST",
                "/v1/replays",
                json!({"bucket": "deploys", "resign": true}),
                "needs an output that has a resign_secret",
            ),
            ("PUT", output.as_str(), json!({"resign_secret": "whpk_AAAA"}), "must begin with whsec_ or whpk_"),
        ] {
            let answer = straight.api.request(method, path, &body).await?;
            assert_eq!(answer.status, 400, "{path}");
            assert!(answer.text().contains(why), "{path}: {}", answer.text());
        }
        Ok(())
    })
    .await;
}

/// Verifies what arrived with the library of Standard Webhooks.
fn verify(arrival: &Arrival) -> Result<()> {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, arrival.header(name).with_context(|| format!("no {name}"))?.parse()?);
    }
    Ok(Webhook::new(OURS)?.verify(&arrival.body, &headers)?)
}

/// The id of a log that is as wanted, once there is one.
async fn log_where(api: &Api, wanted: impl Fn(&Value) -> bool) -> Result<String> {
    until("there is such a log", async || {
        let page = api.call("GET", "/v1/logs?bucket=deploys", &Value::Null, 200).await?;
        let log = page["data"].as_array().and_then(|logs| logs.iter().find(|log| wanted(log)));
        Ok(log.and_then(|log| log["id"].as_str().map(str::to_owned)))
    })
    .await
}

async fn resend(api: &Api, log: &str, more: Value) -> Result<()> {
    let mut action = json!({"action": "resend"});
    action.as_object_mut().context("no object")?.extend(more.as_object().context("no object")?.clone());
    api.call("POST", &format!("/v1/logs/{log}/action"), &action, 200).await.map(drop)
}
