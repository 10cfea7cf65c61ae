//! Owners are told of trouble where they asked to be, and of nothing that was received.

use anyhow::Result;
use e2e::wait::{holds, until};
use e2e::{Api, Bucket, Destination, Log, Reply, Server, World, story};
use model::fact::Ending;
use model::{DeliveryId, OutputId};
use serde_json::{Value, json};

/// What must be in no alert.
const SECRET: &str = "no-alert-may-say-this";

/// A relay that calls private addresses, and where its owner is told.
struct Scene {
    receiver: Destination,
    server: Server,
    api: Api,
    log: Log,
}

impl Scene {
    async fn new(world: &World) -> Result<Self> {
        let server = world.server("relay").args(["--allow-private-outputs", "127.0.0.0/8"]).start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        Ok(Self { receiver: Destination::start()?, server, api, log })
    }

    /// Makes an integration that is attached to these buckets; returns its path.
    async fn tell(&self, plugin: &str, events: &[&str], buckets: &[&Bucket]) -> Result<String> {
        let url = self.receiver.url(&format!("/alerts?key={SECRET}"));
        let said = json!({ "plugin": plugin, "configuration": { "webhook_url": url }, "events": events });
        let made = self.api.call("POST", "/v1/integrations", &said, 201).await?;
        let path = format!("/v1/integrations/{}", made["id"].as_str().unwrap_or_default());
        for bucket in buckets {
            self.api.call("POST", &format!("{path}/buckets"), &json!({ "bucket_id": bucket.id }), 200).await?;
        }
        Ok(path)
    }

    /// Makes a public output that calls `destination`.
    async fn output(&self, bucket: &Bucket, destination: &Destination, name: &str, more: Value) -> Result<OutputId> {
        let url = destination.url(&format!("/{SECRET}?{SECRET}"));
        let mut fields = json!({ "name": name, "headers": { "X-Secret": SECRET } });
        if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
            fields.extend(more);
        }
        self.api.make_public_output(bucket, &url, fields).await
    }

    async fn post(&self, bucket: &Bucket) -> Result<()> {
        let request = format!(
            "POST /v1/webhooks/{}/{SECRET}?{SECRET} HTTP/1.1\r\nHost: h\r\nX-Key: {SECRET}\r\nContent-Length: {}\r\n\r\n{SECRET}",
            bucket.input,
            SECRET.len()
        );
        assert_eq!(self.server.caller().send("POST", request.as_bytes()).await?.status, 200);
        Ok(())
    }

    /// Everything that was told so far, which has no secret in it.
    fn told(&self) -> Result<Vec<Value>> {
        let arrivals = self.receiver.arrivals();
        let told = arrivals.iter().map(|arrival| {
            let body = String::from_utf8(arrival.body.clone())?;
            assert!(!body.contains(SECRET), "{body}");
            assert_eq!(arrival.request_line(), format!("POST /alerts?key={SECRET} HTTP/1.1"));
            assert_eq!(arrival.header("Content-Type").as_deref(), Some("application/json"));
            Ok(serde_json::from_str(&body)?)
        });
        told.collect()
    }

    /// Waits until this was told of an output.
    async fn until_told(&self, event: &str, output: OutputId) -> Result<Value> {
        until(&format!("{event} is told"), async || {
            let told = self.told()?;
            Ok(told.into_iter().find(|alert| alert["event"] == event && alert["output"]["id"] == json!(output)))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_told_of_a_failure_once_and_of_the_next_output_too() {
    story(async |world: &World| {
        let scene = Scene::new(world).await?;
        let bucket = scene.api.make_bucket("deploys", json!({})).await?;
        scene.tell("webhook", &["forwarding.delivery.error"], &[&bucket]).await?;
        let destination = Destination::start()?;
        destination.replies(|_| Reply::Status(404));
        let first = scene.output(&bucket, &destination, "first", json!({})).await?;
        for _ in 0..3 {
            scene.post(&bucket).await?;
        }
        scene.log.until_ended(bucket.id, first, Ending::Failed, 3).await?;
        let alert = scene.until_told("forwarding.delivery.error", first).await?;
        let said = "A delivery to output \"first\" of bucket \"deploys\" has failed: the destination answered 404 (1 attempt).";
        assert_eq!(alert["message"], said);
        assert_eq!((&alert["bucket"]["id"], &alert["group"]), (&json!(bucket.id), &json!("public")));
        let events = destination.arrivals();
        let logs = events.iter().filter_map(|arrival| Some(json!(DeliveryId::of(arrival.event()?, first))));
        assert!(logs.collect::<Vec<_>>().contains(&alert["log_id"]), "{alert}");

        let second = scene.output(&bucket, &destination, "second", json!({})).await?;
        scene.post(&bucket).await?;
        scene.until_told("forwarding.delivery.error", second).await?;
        assert_eq!(scene.told()?.len(), 2, "what happens again is told later");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_is_told_of_lag_an_open_circuit_a_pause_and_expiry() {
    story(async |world: &World| {
        let scene = Scene::new(world).await?;
        let bucket = scene.api.make_bucket("deploys", json!({ "window_seconds": 30 })).await?;
        let dead = scene.api.make_bucket("dead", json!({ "window_seconds": 5 })).await?;
        scene.tell("webhook", &[], &[&bucket, &dead]).await?;

        let destination = Destination::start()?;
        destination.replies(|_| Reply::Status(500));
        let circuit = json!({ "failures": 2, "open_seconds": 1, "pause_after_seconds": 6 });
        let failing =
            scene.output(&bucket, &destination, "failing", json!({ "retries": 1000, "circuit": circuit })).await?;
        scene.post(&bucket).await?;
        let open = scene.until_told("forwarding.circuit.open", failing).await?;
        assert_eq!(open["failures"], 2);
        let lag = scene.until_told("forwarding.lag", failing).await?;
        assert_eq!(lag["waiting"], 1);
        assert!(lag["oldest_at"].is_u64() && !lag["message"].to_string().contains("Nobody"), "{lag}");
        scene.until_told("forwarding.output.paused", failing).await?;

        // A subscription that has died.
        let output = scene.api.make_output(&dead, &destination.url("/"), json!({})).await?;
        let token = scene.api.make_token(json!({})).await?;
        let mut agent = world.agent("agent").token(&token).server(&scene.server).serves("dead").start()?;
        until("the group is there", async || {
            let groups = scene.api.call("GET", "/v1/groups?bucket=dead", &Value::Null, 200).await?;
            Ok(holds(groups[0]["sessions"] == 1))
        })
        .await?;
        agent.kill().await?;
        scene.post(&dead).await?;
        let expired = scene.until_told("forwarding.delivery.expired", output).await?;
        assert_eq!(
            expired["message"],
            "A delivery to output \"".to_owned()
                + &name_of(&expired)
                + "\" of bucket \"dead\" has expired undelivered."
        );
        assert!(expired["log_id"].is_string());
        Ok(())
    })
    .await;
}

fn name_of(alert: &Value) -> String {
    alert["output"]["name"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_gets_a_line_of_text() {
    story(async |world: &World| {
        let scene = Scene::new(world).await?;
        let bucket = scene.api.make_bucket("deploys", json!({})).await?;
        scene.tell("slack", &[], &[&bucket]).await?;
        let destination = Destination::start()?;
        destination.replies(|_| Reply::Status(404));
        scene.output(&bucket, &destination, "ci", json!({})).await?;
        scene.post(&bucket).await?;
        scene.receiver.receives(1).await?;
        let said = "forwarding.delivery.error: A delivery to output \"ci\" of bucket \"deploys\" has failed: \
                    the destination answered 404 (1 attempt).";
        assert_eq!(scene.told()?, [json!({ "text": said })]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_takes_nothing_is_disabled_and_says_why() {
    const OUTPUTS: usize = 20;
    story(async |world: &World| {
        let scene = Scene::new(world).await?;
        let bucket = scene.api.make_bucket("deploys", json!({})).await?;
        let path = scene.tell("webhook", &[], &[&bucket]).await?;
        scene.receiver.replies(|_| Reply::Status(500));
        let destination = Destination::start()?;
        destination.replies(|_| Reply::Status(404));
        for n in 0..OUTPUTS {
            scene.output(&bucket, &destination, &format!("out-{n}"), json!({})).await?;
        }
        scene.post(&bucket).await?;
        let integration = until("it is disabled", async || {
            let integration = scene.api.call("GET", &path, &Value::Null, 200).await?;
            Ok((integration["disabled"] == true).then_some(integration))
        })
        .await?;
        assert_eq!(integration["status"], "disabled");
        let said = "20 alerts in a row could not be posted; the last: the receiver answered 500";
        assert_eq!(integration["message"], said);
        assert_eq!(scene.told()?.len(), OUTPUTS * 3, "each was tried three times");

        let freed = scene.api.call("PUT", &path, &json!({ "disabled": false }), 200).await?;
        assert_eq!((&freed["status"], &freed["message"]), (&json!("active"), &json!("")));
        Ok(())
    })
    .await;
}
