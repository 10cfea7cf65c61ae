//! Second tries of a sender, recognised by what it calls its webhook.

use anyhow::Result;
use e2e::wait::{holds, until};
use e2e::{Caller, Destination, World, story};
use model::InputId;
use serde_json::json;

use crate::public_outputs::ALLOW_LOOPBACK;
use crate::signatures::hmac_sha256;

async fn send(caller: &mut Caller, input: InputId, lines: &str, body: &str) -> Result<()> {
    let length = body.len();
    let request =
        format!("POST /v1/webhooks/{input} HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: {length}\r\n\r\n{body}");
    let answer = caller.exchange(request.as_bytes()).await?;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""), "a second try is answered like the first");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_webhook_that_comes_twice_is_delivered_once_whichever_ingress_takes_it() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let back = world.server_around(&nats, "back", "auth,dispatcher,api").args(ALLOW_LOOPBACK);
        let (mut back, mut left, mut right) = tokio::try_join!(
            back.launch(),
            world.server_around(&nats, "left", "ingress").launch(),
            world.server_around(&nats, "right", "ingress").launch()
        )?;
        for server in [&mut back, &mut left, &mut right] {
            server.until_ready().await?;
        }
        let api = back.api()?;
        until("the first token works", async || {
            Ok(holds(api.request("GET", "/v1/buckets", &serde_json::Value::Null).await?.status == 200))
        })
        .await?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_public_output(&bucket, &destination.url("/"), json!({})).await?;
        let signature = json!({"provider": "github", "secrets": ["s"], "policy": "mark"});
        let by_provider = json!({"name": "github", "signature": signature, "deduplicate": true});
        let by_provider = api.make_input(&bucket, by_provider).await?;
        let by_header = json!({"name": "own", "deduplicate": {"header": "X-Delivery"}});
        let by_header = api.make_input(&bucket, by_header).await?;
        let (mut left, mut right) = (left.caller(), right.caller());
        let signed = |id: &str, body: &str| {
            format!("X-GitHub-Delivery: {id}\r\nX-Hub-Signature-256: sha256={}\r\n", hmac_sha256("s", body))
        };
        // Both know the inputs when both deliver.
        until("both deliver", async || {
            send(&mut left, by_header, "", "ready").await?;
            send(&mut right, by_header, "", "ready").await?;
            Ok(holds(destination.count() >= 4))
        })
        .await?;

        for body in ["1", "2"] {
            for caller in [&mut left, &mut right] {
                send(caller, by_provider, &signed(body, body), body).await?;
                send(caller, by_provider, &signed(body, body), body).await?;
            }
        }
        // One that says so and is not the sender's takes nothing away from it.
        send(&mut left, by_provider, "X-GitHub-Delivery: 3\r\nX-Hub-Signature-256: sha256=00\r\n", "forged").await?;
        send(&mut right, by_provider, &signed("3", "3"), "3").await?;
        for caller in [&mut left, &mut right] {
            send(caller, by_header, "X-Delivery: 1\r\n", "4").await?;
            send(caller, by_header, "X-Delivery: \r\n", "5").await?;
        }
        // The same name means another webhook at another input.
        send(&mut left, by_header, "X-Delivery: 3\r\n", "6").await?;

        destination.receives_number(6).await?;
        let came =
            destination.arrivals().into_iter().map(|arrival| String::from_utf8_lossy(&arrival.body).into_owned());
        let mut came: Vec<String> = came.filter(|body| body != "ready").collect();
        came.sort();
        assert_eq!(came, ["1", "2", "3", "4", "5", "5", "6", "forged"]);
        Ok(())
    })
    .await;
}
