//! Buckets that demand a credential of their callers.

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::http::Answer;
use e2e::wait::{holds, until};
use e2e::{World, story};
use model::InputId;
use serde_json::{Value, json};

use crate::public_outputs::Public;
use crate::signatures::{log_of, post};
use crate::unknown_inputs::assert_all_alike;

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// A relay whose bucket demands this.
async fn demanding(world: &World, auth: Value) -> Result<Public> {
    let public = Public::new(world, json!({})).await?;
    let path = format!("/v1/buckets/{}", public.bucket.id);
    let shown = public.server.api()?.call("PUT", &path, &json!({"auth": auth}), 200).await?;
    assert_eq!(shown["auth"]["type"], auth["type"]);
    for (field, secret) in [("password", &auth["password"]), ("token", &auth["token"])] {
        assert_eq!(shown["auth"][field], "", "the {field} is not shown");
        assert!(secret.is_null() || !shown.to_string().contains(secret.as_str().unwrap_or("?")), "{shown}");
    }
    until("the ingress knows it", async || {
        Ok(holds(post(&public, public.bucket.input, "", "first").await?.status == 401))
    })
    .await?;
    Ok(public)
}

/// What callers with these lines are told by every input of the bucket.
async fn told(public: &Public, inputs: &[InputId], lines: &[String], body: &str) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for input in inputs {
        for line in lines {
            answers.push(post(public, *input, line, body).await?);
        }
    }
    Ok(answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_and_a_password_are_demanded_of_every_caller() {
    story(async |world: &World| {
        let auth = json!({"type": "basic", "username": "ann", "password": "pass:word"});
        let public = demanding(world, auth).await?;
        let api = public.server.api()?;
        let second = api.make_input(&public.bucket, json!({"name": "second"})).await?;
        let inputs = [public.bucket.input, second];
        let right = [basic("ann", "pass:word"), basic("ann", "pass:word").replace("Basic", "bASIC")];
        assert_all_alike(&told(&public, &inputs, &right, "right").await?, 200);
        let wrong = [
            String::new(),
            basic("ann", "guess"),
            basic("bob", "pass:word"),
            bearer("pass:word"),
            "Authorization: Basic !!\r\n".to_owned(),
        ];
        let refused = told(&public, &inputs, &wrong, "wrong").await?;
        assert_all_alike(&refused, 401);
        assert_eq!(refused[0].text(), "Unauthorized");
        assert_eq!(refused[0].header("www-authenticate"), Some("Basic realm=\"webhooks\""));

        let arrivals = public.destination.receives(4).await?;
        assert!(arrivals.iter().all(|arrival| arrival.body == b"right"));
        // Nobody read what a stranger sent after its head.
        let seen = log_of(&api, "", |log| log["status"] == "rejected").await?;
        let reason = "the caller has not authenticated as the bucket demands";
        assert_eq!((&seen["verdict"], &seen["verdict_reason"]), (&json!("failed"), &json!(reason)));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_demanded_until_the_owner_says_otherwise() {
    story(async |world: &World| {
        let public = demanding(world, json!({"type": "token", "token": "t-1"})).await?;
        let inputs = [public.bucket.input];
        assert_all_alike(&told(&public, &inputs, &[bearer("t-1"), bearer("t-1")], "right").await?, 200);
        let wrong = [String::new(), bearer("t-2"), basic("ann", "t-1"), "Authorization: t-1\r\n".to_owned()];
        let refused = told(&public, &inputs, &wrong, "wrong").await?;
        assert_all_alike(&refused, 401);
        assert_eq!(refused[0].header("www-authenticate"), Some("Bearer"));

        let set = async |auth: Value| {
            let path = format!("/v1/buckets/{}", public.bucket.id);
            public.server.api()?.call("PUT", &path, &json!({"auth": auth}), 200).await
        };
        let status = async |line: &str| Ok::<_, anyhow::Error>(post(&public, inputs[0], line, "right").await?.status);
        set(json!({"type": "token", "token": "t-3"})).await?;
        until("the old token is refused", async || Ok(holds(status(&bearer("t-1")).await? == 401))).await?;
        assert_eq!(status(&bearer("t-3")).await?, 200);
        set(json!({"type": "none"})).await?;
        until("nothing is demanded", async || Ok(holds(status("").await? == 200))).await?;
        Ok(())
    })
    .await;
}
