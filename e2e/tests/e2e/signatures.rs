//! Inputs that demand a provider's signature: who gets in, what is said, and what the owner sees.

use anyhow::{Context, Result};
use e2e::http::Answer;
use e2e::wait::{holds, until};
use e2e::{Api, World, story};
use model::InputId;
use ring::hmac;
use serde_json::{Value, json};

use crate::public_outputs::Public;
use crate::unknown_inputs::assert_all_alike;

/// HMAC-SHA256 in hexadecimal.
pub(crate) fn hmac_sha256(secret: &str, message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, message.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a webhook with these header lines, each with its line end.
pub(crate) async fn post(public: &Public, input: InputId, lines: &str, body: &str) -> Result<Answer> {
    let length = body.len();
    let request =
        format!("POST /v1/webhooks/{input} HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: {length}\r\n\r\n{body}");
    public.server.caller().send("POST", request.as_bytes()).await
}

/// The line that GitHub would send with this body.
fn github(secret: &str, body: &str) -> String {
    format!("X-Hub-Signature-256: sha256={}\r\n", hmac_sha256(secret, body))
}

/// The log of the event with this body, when there is one that satisfies the condition.
pub(crate) async fn log_of(api: &Api, body: &str, condition: impl Fn(&Value) -> bool) -> Result<Value> {
    until(&format!("the log of {body:?} is as expected"), async || {
        let page = api.call("GET", "/v1/logs?bucket=deploys&limit=100", &Value::Null, 200).await?;
        let logs = page["data"].as_array().context("no data")?;
        Ok(logs.iter().find(|log| log["body"] == body && condition(log)).cloned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_webhook_that_does_not_verify_is_its_owners_choice() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let api = public.server.api()?;
        let unknown = post(&public, InputId(uuid::Uuid::new_v4()), &github("other", "x"), "x").await?;
        for (policy, status, is_delivered) in [("reject", 401, false), ("drop", 200, false), ("mark", 200, true)] {
            let signature = json!({"provider": "github", "secrets": ["right"], "policy": policy});
            let more = json!({"name": policy, "signature": signature});
            let input = api.make_input(&public.bucket, more).await?;
            let body = |what: &str| format!("{policy}: {what}");

            let good = post(&public, input, &github("right", &body("good")), &body("good")).await?;
            assert_all_alike(&[good, unknown.clone()], 200);
            let forged = post(&public, input, &github("other", &body("forged")), &body("forged")).await?;
            let bare = post(&public, input, "", &body("bare")).await?;
            assert_all_alike(&[forged.clone(), bare], status);
            assert_eq!(forged.text(), if status == 401 { "Unauthorized" } else { "" });
            if status == 200 {
                assert_all_alike(&[forged, unknown.clone()], 200);
            }

            let seen = log_of(&api, &body("good"), |log| log["status"] == "sent").await?;
            assert_eq!((&seen["verdict"], &seen["verdict_reason"]), (&json!("verified"), &json!("")));
            let ended = if is_delivered { "sent" } else { "rejected" };
            for (what, reason) in
                [("forged", "no secret matches the signature"), ("bare", "a header of the signature is missing")]
            {
                let seen = log_of(&api, &body(what), |log| log["status"] == ended).await?;
                assert_eq!((&seen["verdict"], &seen["verdict_reason"]), (&json!("failed"), &json!(reason)), "{policy}");
                assert_eq!(seen["output_id"].as_str().unwrap_or_default().is_empty(), !is_delivered);
            }
        }
        let bodies: Vec<String> =
            public.destination.arrivals().iter().map(|a| String::from_utf8_lossy(&a.body).into_owned()).collect();
        assert_eq!(bodies, ["reject: good", "drop: good", "mark: good", "mark: forged", "mark: bare"]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_both_are_good_and_then_the_new_one_alone() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let api = public.server.api()?;
        let path = format!("/v1/buckets/{}/inputs/{}", public.bucket.id, public.bucket.input);
        let input = public.bucket.input;
        let set = async |secrets: &[&str]| {
            let signature = json!({"signature": {"provider": "github", "secrets": secrets}});
            let shown = api.call("PUT", &path, &signature, 200).await?["signature"].take();
            assert_eq!(shown["secret_count"], json!(secrets.len()));
            assert!(!shown.to_string().contains("the-"), "{shown}");
            Ok::<_, anyhow::Error>(())
        };
        let status =
            async |secret: &str| Ok::<_, anyhow::Error>(post(&public, input, &github(secret, "x"), "x").await?.status);
        set(&["the-old"]).await?;
        until("the old secret alone is good", async || {
            Ok(holds(status("the-old").await? == 200 && status("the-new").await? == 401))
        })
        .await?;
        set(&["the-new", "the-old"]).await?;
        until("the new one is good", async || Ok(holds(status("the-new").await? == 200))).await?;
        assert_eq!(status("the-old").await?, 200);
        set(&["the-new"]).await?;
        until("the old one is not", async || Ok(holds(status("the-old").await? == 401))).await?;
        assert_eq!(status("the-new").await?, 200);
        Ok(())
    })
    .await;
}
