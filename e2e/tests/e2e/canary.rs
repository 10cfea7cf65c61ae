//! A canary goes the whole way and back, and its owner is told when it does not return.

use e2e::wait::until;
use e2e::{Destination, World, story};
use serde_json::{Value, json};

use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_returns_until_the_way_is_broken_and_then_its_owner_is_told() {
    story(async |world: &World| {
        let bucket = json!({ "canary_seconds": 10, "window_seconds": 20 });
        let args = ["--allow-private-outputs", "127.0.0.0/8"];
        let mut straight = Straight::on(world.server("relay").args(args), world, bucket, json!({})).await?;
        let path = format!("/v1/buckets/{}/canary", straight.bucket.id);
        let returned = until("a canary returned", async || {
            let shown = straight.api.call("GET", &path, &Value::Null, 200).await?;
            Ok((!shown["last_returned"].is_null()).then_some(shown))
        })
        .await?;
        let arrival = straight.destination.receives(1).await?.remove(0);
        assert_eq!(arrival.header(model::canary::HEADER).as_deref(), Some("true"));
        assert_eq!(arrival.request_line(), "POST /hook HTTP/1.1");
        let canary = &returned["canaries"][0];
        assert_eq!(canary["outputs"][0]["status_code"], 200, "{returned}");

        let receiver = Destination::start()?;
        let said = json!({ "plugin": "webhook", "configuration": { "webhook_url": receiver.url("/") }, "events": ["forwarding.lag"] });
        let made = straight.api.call("POST", "/v1/integrations", &said, 201).await?;
        let attach = format!("/v1/integrations/{}/buckets", made["id"].as_str().unwrap_or_default());
        straight.api.call("POST", &attach, &json!({ "bucket_id": straight.bucket.id }), 200).await?;
        straight.agent.kill().await?;
        let alert: Value = serde_json::from_slice(&receiver.receives(1).await?[0].body)?;
        assert_eq!((&alert["event"], &alert["output"]["id"]), (&json!("forwarding.lag"), &json!(straight.output)));
        Ok(())
    })
    .await;
}
