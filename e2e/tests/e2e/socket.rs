//! The public socket, message by message, as the known clients speak it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use e2e::socket::{Heard, Socket};
use e2e::wait::until;
use e2e::{Api, Bucket, Caller, Log, Server, Token, World, story};
use futures_util::future::select_all;
use model::fact::Ending;
use model::{DeliveryId, OutputId};
use serde_json::{Value, json};

/// A server with a bucket and a token, and no agent.
struct Scene {
    server: Server,
    api: Api,
    log: Log,
    bucket: Bucket,
    token: Token,
}

impl Scene {
    async fn new(world: &World, bucket: Value) -> Result<Self> {
        let server = world.server("relay").start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let bucket = api.make_bucket("deploys", bucket).await?;
        let token = api.make_token(json!({})).await?;
        Ok(Self { server, api, log, bucket, token })
    }

    async fn socket(&self, buckets: &Value) -> Result<Socket> {
        Socket::subscribed(self.server.address(), &self.token, buckets).await
    }

    async fn post(&self, caller: &mut Caller, body: &str) -> Result<()> {
        assert_eq!(caller.post(self.bucket.input, body.as_bytes()).await?.status, 200);
        Ok(())
    }
}

/// Lets sockets answer pings while something is waited for.
async fn answering<const N: usize>(sockets: [&mut Socket; N], work: impl Future<Output = Result<()>>) -> Result<()> {
    let listening =
        sockets.map(|socket| Box::pin(async move { while matches!(socket.hear().await, Ok(Heard::Frame(_))) {} }));
    tokio::select! {
        done = work => done,
        _ = select_all(listening) => bail!("a socket was closed"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_gets_a_webhook_as_clients_read_it() {
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        let more = json!({"name": "my-output"});
        let output = scene.api.make_output(&scene.bucket, "http://localhost:8080/x", more).await?;
        let mut socket = Socket::open(scene.server.address()).await?;
        socket.say(&json!({"action": "dance"})).await?;
        socket.authenticate(&scene.token).await?;
        let subscribe = json!({"action": "subscribe", "buckets": ["deploys"]});
        let message = socket.subscribe(&subscribe).await?;
        assert!(message.contains("deploys"), "{message}");

        let request = format!(
            "PUT /v1/webhooks/{}/extra?foo=bar HTTP/1.1\r\nHost: h\r\nx-one: 1\r\nX-One: 2\r\n\
             Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{{\"hi\":\"there\"",
            scene.bucket.input
        );
        assert_eq!(scene.server.caller().send("PUT", request.as_bytes()).await?.status, 200);
        let frame = socket.webhook().await?;
        let meta = &frame["meta"];
        assert_eq!(meta["bucked_id"], json!(scene.bucket.id), "{frame}");
        assert_eq!(meta["bucket_id"], json!(scene.bucket.id));
        assert_eq!(meta["bucket_name"], "deploys");
        assert_eq!(meta["input_id"], json!(scene.bucket.input));
        assert_eq!(meta["output_name"], "my-output");
        assert_eq!(meta["output_destination"], "http://localhost:8080/x/extra");
        assert_eq!((&frame["method"], &frame["query"]), (&json!("PUT"), &json!("foo=bar")));
        assert_eq!(frame["body"], "{\"hi\":\"there\"");
        assert_eq!(frame["headers"]["X-One"], json!(["1", "2"]));
        assert_eq!(frame["headers"]["Content-Type"], json!(["application/json"]));
        assert_eq!(frame.get("body_base64"), None);

        // The pong ends the delivery.
        let sent = scene.log.until_ended(scene.bucket.id, output, Ending::Sent, 1);
        Box::pin(answering([&mut socket], sent)).await?;
        let lines = scene.log.facts(scene.bucket.id).await?;
        let id = DeliveryId::of(lines[0].fact.event(), output);
        assert_eq!(meta["id"], json!(id));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_asks_for_an_answer_comes_while_a_client_may_still_be_writing() {
    /// One of the known clients writes from several threads, and breaks when it is asked for more
    /// before its own write has returned.
    const BREATH: Duration = Duration::from_millis(20);
    const EVENTS: usize = 300;
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        let mut socket = Socket::open(scene.server.address()).await?;
        let written = Instant::now();
        socket.authenticate(&scene.token).await?;
        assert!(written.elapsed() >= BREATH, "{:?}", written.elapsed());
        let mut written = Instant::now();
        socket.subscribe(&json!({"action": "subscribe", "buckets": null})).await?;
        let mut caller = scene.server.caller();
        let input = scene.bucket.input;
        let sending = tokio::spawn(async move {
            for _ in 0..EVENTS {
                caller.post(input, b"{}").await?;
            }
            Ok::<_, anyhow::Error>(())
        });
        let (mut webhooks, mut pings) = (0, 0);
        socket.pongs = false;
        while webhooks < EVENTS || pings < 2 {
            match socket.hear().await? {
                Heard::Frame(frame) if frame["type"] == "webhook" => webhooks += 1,
                Heard::Frame(frame) if frame["status"] == "ping" => {
                    assert!(written.elapsed() >= BREATH, "{:?} after {webhooks}", written.elapsed());
                    pings += 1;
                    written = Instant::now();
                    socket.say(&json!({"action": "pong"})).await?;
                }
                other => bail!("{other:?}"),
            }
        }
        sending.await?
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_reports_counts_more_than_its_pong() {
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        let output = scene.api.make_output(&scene.bucket, "http://localhost:8080/", json!({})).await?;
        let client = scene.api.with(&scene.token);
        let mut socket = scene.socket(&Value::Null).await?;
        let mut caller = scene.server.caller();
        // As the clients write it: every field, also those that they have nothing for.
        let nothing = json!({"id": "", "status_code": 0, "response_body": null, "response_headers": null,
            "status": "failed", "retries": 3, "duration_ms": 12});
        let answered = json!({"id": "", "status_code": 500, "response_body": "b29wcw==",
            "response_headers": {"X-A": "1", "X-B": ["2", "3"]}, "status": "failed", "retries": 0, "duration_ms": 7});
        let sent = json!({"status_code": 201, "status": "sent"});
        for (body, report, status, code) in
            [("1", nothing, "failed", 0), ("2", answered, "failed", 500), ("3", sent, "sent", 201)]
        {
            scene.post(&mut caller, body).await?;
            let frame = socket.webhook().await?;
            // Its pong comes first.
            let ponged = until_sent(&scene, output, body.parse()?);
            Box::pin(answering([&mut socket], ponged)).await?;
            let path = format!("/v1/logs/{}", frame["meta"]["id"].as_str().unwrap_or_default());
            let told = client.request("PUT", &path, &report).await?;
            assert_eq!(told.status, 200, "{}", told.text());
            let seen = until("the log says so", async || {
                let seen = client.call("GET", &path, &Value::Null, 200).await?;
                Ok((seen["status"] == status && seen["status_code"] == code).then_some(seen))
            })
            .await?;
            if code == 500 {
                assert_eq!((&seen["response_body"], &seen["duration_ms"]), (&json!("b29wcw=="), &json!(7)));
                assert_eq!(seen["response_headers"], json!({"X-A": ["1"], "X-B": ["2", "3"]}));
            }
        }
        Ok(())
    })
    .await;
}

async fn until_sent(scene: &Scene, output: OutputId, count: usize) -> Result<()> {
    scene.log.until_ended(scene.bucket.id, output, Ending::Sent, count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_outputs_goes_to_sockets_and_one_with_public_ones_does_not() {
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        let public = scene.api.make_bucket("public", json!({})).await?;
        let more = json!({"internal": false});
        scene.api.make_output(&public, "https://example.com/", more).await?;
        let mut caller = scene.server.caller();
        for buckets in [Value::Null, json!([]), json!([""]), json!(["deploys", "public"])] {
            let mut socket = scene.socket(&buckets).await?;
            assert_eq!(caller.post(public.input, b"no").await?.status, 200);
            scene.post(&mut caller, "{}").await?;
            let frame = socket.webhook().await?;
            assert_eq!(frame["meta"]["bucket_name"], "deploys", "{buckets}");
            assert_eq!(
                (&frame["meta"]["output_name"], &frame["meta"]["output_destination"]),
                (&json!(""), &json!("/"))
            );
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_bodies_come_whole_to_who_asks_and_ephemeral_buckets_work() {
    story(async |world: &World| {
        let scene = Scene::new(world, json!({"ephemeral": true})).await?;
        scene.api.make_output(&scene.bucket, "http://localhost:8080/", json!({})).await?;
        let mut socket = Socket::open(scene.server.address()).await?;
        socket.authenticate(&scene.token).await?;
        socket.subscribe(&json!({"action": "subscribe", "body_base64": true})).await?;
        let answer = scene.server.caller().post(scene.bucket.input, b"\xff\x00a").await?;
        assert_eq!(answer.status, 200);
        let frame = socket.webhook().await?;
        assert_eq!(frame["body_base64"], "/wBh");
        assert_eq!(frame["body"], "\u{fffd}\0a");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_socket_gets_every_event_and_one_that_comes_back_gets_what_it_missed() {
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        let output = scene.api.make_output(&scene.bucket, "http://localhost:8080/", json!({})).await?;
        let mut caller = scene.server.caller();
        let (mut one, mut two) = (scene.socket(&Value::Null).await?, scene.socket(&Value::Null).await?);
        for body in ["1", "2", "3"] {
            scene.post(&mut caller, body).await?;
        }
        for socket in [&mut one, &mut two] {
            for body in ["1", "2", "3"] {
                assert_eq!(socket.webhook().await?["body"], body);
            }
        }
        let all_sent = scene.log.until_ended(scene.bucket.id, output, Ending::Sent, 6);
        Box::pin(answering([&mut one, &mut two], all_sent)).await?;

        // What is received and not ponged comes again.
        two.pongs = false;
        scene.post(&mut caller, "4").await?;
        assert_eq!(two.webhook().await?["body"], "4");
        assert_eq!(one.webhook().await?["body"], "4");
        two.close().await?;
        scene.post(&mut caller, "5").await?;
        assert_eq!(one.webhook().await?["body"], "5");
        let mut back = scene.socket(&Value::Null).await?;
        assert_eq!(back.webhook().await?["body"], "4");
        assert_eq!(back.webhook().await?["body"], "5");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_refused_and_ended_with_4001() {
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        for credentials in [
            json!({"action": "auth", "key": scene.token.key, "secret": "wrong"}),
            json!({"action": "auth", "key": "whr", "secret": "sk-none"}),
            json!({"action": "subscribe", "buckets": null}),
        ] {
            let mut socket = Socket::open(scene.server.address()).await?;
            socket.say(&credentials).await?;
            let Heard::Frame(frame) = socket.hear().await? else { panic!("closed without a word") };
            assert_eq!((&frame["type"], &frame["status"]), (&json!("status"), &json!("unauthorized")));
            assert_eq!(socket.closed().await?, Some(4001));
        }
        let mut socket = scene.socket(&json!(["deploys"])).await?;
        scene.api.delete_token(&scene.token).await?;
        assert_eq!(socket.closed().await?, Some(4001), "a revoked token ends its sockets");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_socket_is_pinged_within_the_patience_of_its_client() {
    /// After this time without a ping one of the known clients connects anew.
    const PATIENCE: Duration = Duration::from_secs(53);
    story(async |world: &World| {
        let scene = Scene::new(world, json!({})).await?;
        let mut socket = scene.socket(&Value::Null).await?;
        let heard = tokio::time::timeout(PATIENCE, socket.hear()).await??;
        let Heard::Frame(frame) = heard else { bail!("closed") };
        assert_eq!((&frame["type"], &frame["status"]), (&json!("status"), &json!("ping")));
        Ok(())
    })
    .await;
}
