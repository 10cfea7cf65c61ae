//! Inputs that demand a provider's signature: who gets in, what is said, and what the owner sees.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
async fn a_signed_url_is_the_one_that_the_provider_calls_whatever_a_proxy_makes_of_it() {
    story(async |world: &World| {
        let public = Public::with(world, ["--public-url", "https://relay.example.com"], json!({})).await?;
        let api = public.server.api()?;
        api.call("POST", "/v1/domains", &json!({"domain": "hooks.example.org"}), 201).await?;
        let signature = json!({"provider": "square", "secrets": ["s"]});
        let place =
            json!({"name": "own", "signature": signature, "custom_domain": "hooks.example.org", "path_prefix": "/a"});
        let by_host = api.make_input(&public.bucket, place).await?;
        let by_id = api.make_input(&public.bucket, json!({"name": "by id", "signature": signature})).await?;
        let status = async |target: &str, host: &str, url: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, b"s");
            let code = hmac::sign(&key, format!("{url}{{}}").as_bytes());
            let code = BASE64_STANDARD.encode(code.as_ref());
            let request = format!(
                "POST {target} HTTP/1.1\r\nHost: {host}\r\nx-square-hmacsha256-signature: {code}\r\n\
                 Content-Length: 2\r\n\r\n{{}}"
            );
            Ok::<_, anyhow::Error>(public.server.caller().send("POST", request.as_bytes()).await?.status)
        };
        let path = format!("/v1/webhooks/{by_id}?q=1");
        until("the inputs are known", async || Ok(holds(status("/a", "hooks.example.org", "x").await? == 401))).await?;
        assert_eq!(status(&path, "127.0.0.1", &format!("https://relay.example.com{path}")).await?, 200);
        assert_eq!(status(&path, "127.0.0.1", &format!("http://127.0.0.1{path}")).await?, 401);
        assert_eq!(status("/a/b?q=1", "hooks.example.org", "https://hooks.example.org/a/b?q=1").await?, 200);
        assert_eq!(status("/a/b?q=1", "hooks.example.org", "https://relay.example.com/a/b?q=1").await?, 401);
        // By its id it is called by the relay's own name.
        let path = format!("/v1/webhooks/{by_host}");
        assert_eq!(status(&path, "10.1.2.3", &format!("https://relay.example.com{path}")).await?, 200);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_for_memory_is_verified_as_it_comes() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let signature = json!({"provider": "github", "secrets": ["s"]});
        let more = json!({"name": "large", "signature": signature});
        let input = public.server.api()?.make_input(&public.bucket, more).await?;
        let body = "x".repeat(5_000_000);
        let mut other = body.clone();
        other.replace_range(2_000_000..2_000_001, "y");
        assert_eq!(post(&public, input, &github("s", &body), &other).await?.status, 401);
        assert_eq!(post(&public, input, &github("s", &body), &body).await?.status, 200);
        let arrivals = public.destination.receives(1).await?;
        assert!(arrivals.len() == 1 && arrivals[0].body == body.as_bytes());
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
