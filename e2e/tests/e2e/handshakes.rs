//! What providers ask of an input before they send to it, answered by the relay itself.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use e2e::http::Answer;
use e2e::{World, story};
use model::InputId;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::public_outputs::Public;
use crate::signatures::{hmac_sha256, log_of, post};

/// An input for webhooks of this provider.
async fn input(public: &Public, provider: &str, secrets: &[&str]) -> Result<InputId> {
    let signature = json!({"provider": provider, "secrets": secrets});
    public.server.api()?.make_input(&public.bucket, json!({"name": provider, "signature": signature})).await
}

/// Asks without a body.
async fn ask(public: &Public, method: &str, input: InputId, query: &str) -> Result<Answer> {
    let request = format!("{method} /v1/webhooks/{input}{query} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    public.server.caller().send(method, request.as_bytes()).await
}

fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_questions_are_answered_and_go_nowhere() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let time = now()?;

        let slack = input(&public, "slack", &["old", "s"]).await?;
        let question = r#"{"type":"url_verification","challenge":"3eZbrw1a"}"#;
        let lines = |secret: &str, header: &str, time_header: &str, body: &str| {
            let code = hmac_sha256(secret, &format!("v0:{time}:{body}"));
            format!("{time_header}: {time}\r\n{header}: v0={code}\r\n")
        };
        let signed = lines("s", "X-Slack-Signature", "X-Slack-Request-Timestamp", question);
        let answer = post(&public, slack, &signed, question).await?;
        assert_eq!((answer.status, answer.text().as_str()), (200, "3eZbrw1a"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let forged = lines("other", "X-Slack-Signature", "X-Slack-Request-Timestamp", question);
        assert_eq!(post(&public, slack, &forged, question).await?.status, 401);

        let zoom = input(&public, "zoom", &["s"]).await?;
        let question = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
        let signed = lines("s", "x-zm-signature", "x-zm-request-timestamp", question);
        let answer: Value = serde_json::from_slice(&post(&public, zoom, &signed, question).await?.body)?;
        let token = "qgg8vlvZRS6UYooatFL8Aw";
        assert_eq!(answer, json!({"plainToken": token, "encryptedToken": hmac_sha256("s", token)}));

        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).map_err(|_| anyhow::anyhow!("no key"))?;
        let discord = input(&public, "discord", &[&hex(pair.public_key().as_ref())]).await?;
        let lines = |body: &str| {
            let signature = hex(pair.sign(format!("{time}{body}").as_bytes()).as_ref());
            format!("X-Signature-Timestamp: {time}\r\nX-Signature-Ed25519: {signature}\r\n")
        };
        let answer = post(&public, discord, &lines(r#"{"type":1}"#), r#"{"type":1}"#).await?;
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"type":1}"#));
        // Discord tries this before it accepts an address.
        assert_eq!(post(&public, discord, &lines(r#"{"type":2}"#), r#"{"type":1}"#).await?.status, 401);
        // What is no question is a webhook.
        assert_eq!(post(&public, discord, &lines(r#"{"type":2}"#), r#"{"type":2}"#).await?.text(), "");

        let arrivals = public.destination.receives(1).await?;
        assert_eq!((arrivals.len(), &arrivals[0].body[..]), (1, &br#"{"type":2}"#[..]));
        let seen = log_of(&public.server.api()?, question, |log| log["status"] == "rejected").await?;
        assert_eq!((&seen["verdict"], &seen["output_id"]), (&json!("verified"), &json!("")));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_in_a_query_or_a_header_are_answered() {
    story(async |world: &World| {
        let public = Public::new(world, json!({})).await?;
        let meta = input(&public, "meta", &["app secret", "verify token"]).await?;
        let question = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=verify%20token";
        let answer = ask(&public, "GET", meta, question).await?;
        assert_eq!((answer.status, answer.text().as_str()), (200, "1158201444"));
        let guessed = ask(&public, "GET", meta, &question.replace("verify%20token", "guess")).await?;
        assert_eq!(guessed.status, 401);

        let twitter = input(&public, "twitter", &["consumer secret"]).await?;
        let answer: Value = serde_json::from_slice(&ask(&public, "GET", twitter, "?crc_token=abc").await?.body)?;
        let code = answer["response_token"].as_str().and_then(|text| text.strip_prefix("sha256=")).unwrap_or_default();
        let code = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, code)?;
        assert_eq!(hex(&code), hmac_sha256("consumer secret", "abc"));

        let dropbox = input(&public, "dropbox", &["s"]).await?;
        assert_eq!(ask(&public, "GET", dropbox, "?challenge=echo").await?.text(), "echo");
        let trello = input(&public, "trello", &["s"]).await?;
        assert_eq!(ask(&public, "HEAD", trello, "").await?.status, 200);
        let asana = input(&public, "asana", &[]).await?;
        let answer = post(&public, asana, "X-Hook-Secret: theirs\r\n", "").await?;
        assert_eq!((answer.status, answer.header("x-hook-secret")), (200, Some("theirs")));
        assert_eq!(public.destination.count(), 0);
        Ok(())
    })
    .await;
}
