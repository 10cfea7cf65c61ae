//! Each role in a process of its own, with the rights that the shipped configuration of NATS gives it
//! and no more: whatever a user of the relay does, no role tries what it may not.

use anyhow::{Context, Result};
use e2e::socket::Socket;
use e2e::wait::{holds, until};
use e2e::{Api, Bucket, Caller, Destination, Reply, Rights, Server, World, story};
use serde_json::{Value, json};

use crate::public_outputs::ALLOW_LOOPBACK;
use crate::signatures::hmac_sha256;

/// More than a message of NATS holds.
const LARGE: usize = 3_000_000;

/// A relay of five processes.
struct Guarded {
    rights: Rights,
    _auth: Server,
    ingress: Server,
    dispatcher: Server,
    other: Server,
    api: Api,
    rest: Server,
    destination: Destination,
}

impl Guarded {
    async fn new(world: &World) -> Result<Self> {
        let rights = world.rights().await?;
        let launch = |name: &'static str, role: &'static str| {
            let plan = world.server_with_rights(&rights, name, role);
            if role == "dispatcher" { plan.args(ALLOW_LOOPBACK).launch() } else { plan.launch() }
        };
        let (auth, ingress, dispatcher, other, rest) = tokio::try_join!(
            launch("auth", "auth"),
            launch("ingress", "ingress"),
            launch("dispatcher", "dispatcher"),
            launch("other", "dispatcher"),
            launch("api", "api")
        )?;
        for server in [&auth, &ingress, &dispatcher, &other, &rest] {
            server.until_ready().await?;
        }
        let (api, destination) = (rest.api()?, Destination::start()?);
        until("the first token works", async || {
            Ok(holds(api.request("GET", "/v1/buckets", &Value::Null).await?.status == 200))
        })
        .await?;
        Ok(Self { rights, _auth: auth, ingress, dispatcher, other, api, rest, destination })
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.api.call("GET", path, &Value::Null, 200).await
    }

    /// Waits until this many logs of a bucket have this status, and returns them.
    async fn until_logs(&self, bucket: &Bucket, status: &str, count: usize) -> Result<Vec<Value>> {
        until(&format!("{count} are {status} in {}", bucket.name), async || {
            let page = self.get(&format!("/v1/logs?bucket={}&status={status}", bucket.name)).await?;
            let logs = page["data"].as_array().cloned().unwrap_or_default();
            Ok((logs.len() >= count).then_some(logs))
        })
        .await
    }

    fn caller(&self) -> Caller {
        self.ingress.caller()
    }

    /// Sends until something is delivered: an event is due to the outputs that the ingress knows.
    async fn until_delivered(&self, bucket: &Bucket) -> Result<()> {
        let path = format!("/v1/logs?bucket={}&status=sent", bucket.name);
        until(&format!("something of {} is delivered", bucket.name), async || {
            assert_eq!(self.caller().post(bucket.input, b"first").await?.status, 200);
            Ok(holds(self.get(&path).await?["total"] != 0))
        })
        .await
    }

    /// Sends one of that size and waits until it is delivered.
    async fn deliver(&self, bucket: &Bucket, bytes: usize) -> Result<()> {
        assert_eq!(self.caller().post(bucket.input, &vec![b'x'; bytes]).await?.status, 200);
        let path = format!("/v1/logs?bucket={}&status=sent", bucket.name);
        until(&format!("{bytes} bytes of {} are delivered", bucket.name), async || {
            let sent = self.get(&path).await?["data"].take();
            Ok(holds(sent.as_array().into_iter().flatten().any(|log| log["body_bytes"] == bytes)))
        })
        .await?;
        self.destination.take();
        Ok(())
    }
}

/// By two agents of one group at two dispatchers, small and large, kept on disk and not.
async fn through_agents(world: &World, relay: &Guarded) -> Result<()> {
    let token = relay.api.make_token(json!({})).await?;
    let start = |name: &str, dispatcher| {
        world.agent(name).token(&token).servers(dispatcher, &relay.rest).serves_all().group("g").start()
    };
    let _agents = (start("one", &relay.dispatcher)?, start("two", &relay.other)?);
    for (name, ephemeral) in [("kept", false), ("ephemeral", true)] {
        let bucket = relay.api.make_bucket(name, json!({"ephemeral": ephemeral})).await?;
        relay.api.make_output(&bucket, &relay.destination.url("/agent"), json!({})).await?;
        relay.until_delivered(&bucket).await?;
        relay.deliver(&bucket, LARGE).await?;
    }
    until("both are seen", async || {
        let clients = relay.get("/v1/connected-clients").await?;
        Ok(holds(clients["webhook_clients"].as_array().map(Vec::len) == Some(2)))
    })
    .await?;
    relay.get("/v1/groups").await?;
    let unknown = model::InputId(uuid::Uuid::new_v4());
    assert_eq!(relay.caller().post(unknown, b"nobody's").await?.status, 200);
    relay.api.delete_token(&token).await
}

/// By the dispatchers themselves: with an answer, folded by the sender's id, refused, and paused.
async fn to_public_outputs(relay: &Guarded) -> Result<()> {
    let bucket = relay.api.make_bucket("public", json!({})).await?;
    let circuit = json!({"circuit": {"failures": 1, "open_seconds": 1, "pause_after_seconds": 1}});
    let output = relay.api.make_public_output(&bucket, &relay.destination.url("/public"), circuit).await?;
    let waits = json!({"name": "waits", "response_from_output": output.to_string(),
        "signature": {"provider": "github", "secrets": ["s"]}, "deduplicate": true});
    let input = relay.api.make_input(&bucket, waits).await?;
    relay.destination.replies(|_| Reply::Bytes(b"HTTP/1.1 202 A\r\nContent-Length: 6\r\n\r\nbanana".to_vec()));
    let send = async |secret: &str| {
        let request = format!(
            "POST /v1/webhooks/{input} HTTP/1.1\r\nHost: a\r\nX-Hub-Signature-256: sha256={}\r\n\
             X-GitHub-Delivery: 1\r\nContent-Length: 1\r\n\r\n1",
            hmac_sha256(secret, "1")
        );
        relay.caller().send("POST", request.as_bytes()).await
    };
    let answer = until("the ingress knows the input", async || {
        let answer = send("s").await?;
        Ok((answer.status != 200).then_some(answer))
    });
    assert_eq!(answer.await?.status, 202);
    assert_eq!(send("other").await?.status, 401);
    relay.until_logs(&bucket, "rejected", 1).await?;
    let sent = relay.until_logs(&bucket, "sent", 1).await?;
    let shown = relay.get(&format!("/v1/logs/{}", sent[0]["id"].as_str().context("no id")?)).await?;
    assert_eq!(shown["response_body"], "YmFuYW5h", "what was answered is opened");

    relay.destination.replies(|_| Reply::Status(500));
    assert_eq!(relay.caller().post(bucket.input, b"2").await?.status, 200);
    let outputs = format!("/v1/buckets/{}/outputs", bucket.id);
    until("the output is paused", async || Ok(holds(!relay.get(&outputs).await?[0]["paused"].is_null()))).await?;
    relay.destination.replies(|_| Reply::Status(200));
    relay.api.change_output(&bucket, output, json!({"paused": null})).await?;
    relay.until_logs(&bucket, "sent", 2).await.map(drop)
}

/// To a client of the public socket, who answers over REST; and to workers that poll.
async fn to_clients(relay: &Guarded) -> Result<()> {
    let bucket = relay.api.make_bucket("sockets", json!({})).await?;
    let token = relay.api.make_token(json!({"scopes": {"buckets": ["sockets"]}})).await?;
    let client = relay.api.with(&token);
    let mut socket = Socket::subscribed(relay.dispatcher.address(), &token, &json!(["sockets"])).await?;
    let waits = json!({"name": "waits", "response_from_output": "anyOutput", "response_timeout": 60});
    let input = relay.api.make_input(&bucket, waits).await?;
    let mut caller = relay.caller();
    let ask = until("somebody answers", async || {
        // Until the ingress knows the input, nobody is asked.
        let answer = caller.post(input, b"anybody there?").await?;
        Ok((answer.status != 200).then_some(answer))
    });
    let reply = async {
        let frame = socket.webhook().await?;
        let path = format!("/v1/logs/{}", frame["meta"]["id"].as_str().context("no id")?);
        client.call("PUT", &path, &json!({"status_code": 201, "response_body": "YQ=="}), 200).await
    };
    let (answer, _) = tokio::try_join!(ask, reply)?;
    assert_eq!(answer.status, 201);
    socket.close().await?;

    let jobs = relay.api.make_bucket("jobs", json!({})).await?;
    until("a worker takes it", async || {
        // Until the ingress knows the input, it goes nowhere.
        assert_eq!(relay.caller().post(jobs.input, b"job").await?.status, 200);
        let taken = relay.get("/v1/events?bucket=jobs").await?;
        Ok(holds(taken["logs"][0]["body"] == "job"))
    })
    .await
}

/// Sent again, one and many, and counted.
async fn looking_back(relay: &Guarded) -> Result<()> {
    let bucket = relay.api.make_bucket("back", json!({})).await?;
    relay.api.make_public_output(&bucket, &relay.destination.url("/back"), json!({})).await?;
    relay.until_delivered(&bucket).await?;
    relay.deliver(&bucket, LARGE).await?;
    let replay = json!({"bucket": "back", "status": "sent"});
    let replay = relay.api.request("POST", "/v1/replays", &replay).await?;
    assert_eq!(replay.status / 100, 2, "{}", replay.text());
    for log in relay.until_logs(&bucket, "sent", 2).await? {
        let path = format!("/v1/logs/{}/action", log["id"].as_str().context("no id")?);
        relay.api.call("POST", &path, &json!({"action": "resend"}), 200).await?;
    }
    until("the large one has come once more, and once more", async || {
        let large = |arrival: &&e2e::Arrival| arrival.body.len() == LARGE;
        Ok(holds(relay.destination.arrivals().iter().filter(large).count() >= 2))
    })
    .await?;
    for path in ["/v1/logs/histogram?bucket_id=", "/v1/logs-stats?bucketId="] {
        relay.get(&format!("{path}{}", bucket.id)).await?;
    }
    for path in ["/v1/ledger?bucket=back", "/v1/usage", "/v1/user/info", "/v1/regions", "/v1/config"] {
        relay.get(path).await?;
    }
    Ok(())
}

/// By the clock, at a host name of its own, and with somebody to tell.
async fn around(relay: &Guarded) -> Result<()> {
    let cron = json!({"name": "tick", "schedule": "@every 1s", "payload": "tick", "recurring": true, "enabled": true,
        "destination": relay.destination.url("/tick")});
    let cron = relay.api.call("POST", "/v1/crons", &cron, 201).await?;
    until("the cron has run", async || {
        Ok(holds(relay.destination.arrivals().iter().any(|arrival| arrival.body == b"tick")))
    })
    .await?;
    let path = format!("/v1/crons/{}", cron["id"].as_str().context("no id")?);
    relay.api.call("PUT", &path, &json!({"enabled": false}), 200).await?;
    relay.api.call("DELETE", &path, &Value::Null, 204).await?;

    let bucket = relay.api.make_bucket("around", json!({})).await?;
    let domain = relay.api.call("POST", "/v1/domains", &json!({"domain": "hooks.example.com"}), 201).await?;
    let input = relay.api.make_input(&bucket, json!({"name": "own", "custom_domain": "hooks.example.com"})).await?;
    let request = b"POST /x HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Length: 0\r\n\r\n";
    until("the domain is known", async || Ok(holds(relay.caller().send("POST", request).await?.status == 200))).await?;
    let path = format!("/v1/buckets/{}/inputs/{input}", bucket.id);
    relay.api.call("DELETE", &path, &Value::Null, 200).await?;
    let path = format!("/v1/domains/{}", domain["id"].as_str().context("no id")?);
    relay.api.call("DELETE", &path, &Value::Null, 200).await?;

    let integration = json!({"plugin": "webhook", "configuration": {"webhook_url": relay.destination.url("/alert")}});
    let integration = relay.api.call("POST", "/v1/integrations", &integration, 201).await?;
    let path = format!("/v1/integrations/{}", integration["id"].as_str().context("no id")?);
    relay.api.call("POST", &format!("{path}/buckets"), &json!({"bucket_id": bucket.id.to_string()}), 200).await?;
    relay.api.call("DELETE", &path, &Value::Null, 200).await?;
    relay.api.call("DELETE", &format!("/v1/buckets/{}?force=true", bucket.id), &Value::Null, 200).await.map(drop)
}

/// To a receiver that takes no alerts, because nobody may post to it: the dispatcher disables it.
async fn trouble(relay: &Guarded) -> Result<()> {
    /// Enough failures for the receiver to be given up.
    const OUTPUTS: usize = 20;
    const PRIVATE: &str = "http://10.0.0.1:8080/";
    let bucket = relay.api.make_bucket("alerts", json!({})).await?;
    for number in 0..OUTPUTS {
        relay.api.make_public_output(&bucket, PRIVATE, json!({"name": format!("out-{number}")})).await?;
    }
    let integration = json!({"plugin": "webhook", "configuration": {"webhook_url": PRIVATE}});
    let integration = relay.api.call("POST", "/v1/integrations", &integration, 201).await?;
    let path = format!("/v1/integrations/{}", integration["id"].as_str().context("no id")?);
    relay.api.call("POST", &format!("{path}/buckets"), &json!({"bucket_id": bucket.id.to_string()}), 200).await?;
    until("it is disabled", async || {
        // Until the ingress knows the outputs, nothing fails.
        assert_eq!(relay.caller().post(bucket.input, b"x").await?.status, 200);
        let shown = relay.get(&path).await?;
        Ok(holds(shown["disabled"] == true && shown["message"].as_str().is_some_and(|why| why.contains("private"))))
    })
    .await
}

/// By the relay itself, kept in memory alone.
async fn canary(relay: &Guarded) -> Result<()> {
    let bucket = relay.api.make_bucket("quiet", json!({"ephemeral": true, "canary_seconds": 10})).await?;
    relay.api.make_public_output(&bucket, &relay.destination.url("/canary"), json!({})).await?;
    until("a canary returned", async || {
        let shown = relay.get(&format!("/v1/buckets/{}/canary", bucket.id)).await?;
        Ok(holds(!shown["last_returned"].is_null()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_can_do_its_work_with_its_own_rights() {
    story(async |world: &World| {
        let relay = Guarded::new(world).await?;
        through_agents(world, &relay).await?;
        to_public_outputs(&relay).await?;
        to_clients(&relay).await?;
        looking_back(&relay).await?;
        around(&relay).await?;
        trouble(&relay).await?;
        canary(&relay).await?;
        assert_eq!(relay.dispatcher.status("/v1/buckets").await, Some(404), "each role serves its own paths alone");
        let violations = relay.rights.violations()?;
        assert!(violations.is_empty(), "{violations:#?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_can_do_what_is_another_ones() {
    /// User; what it may not publish; what it may not subscribe to.
    const FORBIDDEN: [(&str, &[&str], &[&str]); 4] = [
        (
            "ingress",
            &[
                "$JS.API.CONSUMER.CREATE.EVENT_0",
                "$JS.API.CONSUMER.CREATE.KV_credential",
                "$JS.API.DIRECT.GET.KV_credential.token.x",
                "$JS.API.DIRECT.GET.EVENT_0",
                "$JS.API.STREAM.DELETE.EVENT_0",
                "$JS.API.STREAM.PURGE.EVENT_0",
                "$KV.directory.token.x",
                "$KV.keyring.x.1",
                "fact.0.a.b.c",
                "auth.ask",
            ],
            &["event.>", "$KV.directory.>", "auth.ask", "_INBOX.api.>", ">"],
        ),
        (
            "dispatcher",
            &[
                "event.0.a",
                "ephemeral.a",
                "chunk.a",
                "$KV.directory.token.x",
                "$KV.directory.bucket.x",
                "$KV.keyring.x.1",
                "$KV.credential.token.x",
                "$JS.API.CONSUMER.CREATE.KV_credential",
                "$JS.API.DIRECT.GET.KV_credential.token.x",
                "$JS.API.STREAM.DELETE.FACT_0",
            ],
            &["waiting.*", "auth.ask", "_INBOX.ingress.>", ">"],
        ),
        (
            "api",
            &[
                "$KV.credential.token.x",
                "$KV.keyring.system.1",
                "$KV.directory.account.x",
                "$KV.presence.x.0",
                "$JS.API.CONSUMER.CREATE.KV_credential",
                "$JS.API.DIRECT.GET.KV_credential.token.x",
                "$JS.API.STREAM.DELETE.EVENT_0",
                "$JS.API.STREAM.PURGE.FACT_0",
                "$JS.API.STREAM.MSG.DELETE.KV_keyring",
                "$JS.ACK.EVENT_0.c.1.1.1.1.1",
            ],
            &["waiting.*", "auth.ask", "event.>", "_INBOX.auth.>", ">"],
        ),
        (
            "auth",
            &[
                "event.0.a",
                "fact.0.a.b.c",
                "chunk.a",
                "$KV.directory.bucket.x",
                "$KV.directory.output.x",
                "$JS.API.CONSUMER.CREATE.EVENT_0",
                "$JS.API.DIRECT.GET.EVENT_0",
                "$JS.API.STREAM.DELETE.KV_credential",
                "$JS.API.STREAM.MSG.DELETE.EVENT_0",
            ],
            &["event.>", "waiting.*", "_INBOX.api.>", ">"],
        ),
    ];
    story(async |world: &World| {
        let rights = world.rights().await?;
        for (user, publications, subscriptions) in FORBIDDEN {
            let client = rights.client(user).await?;
            let mut held = Vec::new();
            for subject in publications {
                client.publish(*subject, "".into()).await?;
            }
            for subject in subscriptions {
                held.push(client.subscribe(*subject).await?);
            }
            client.flush().await?;
            let user = format!("user:{user}\"");
            for (kind, subjects) in [("Publish", publications), ("Subscription", subscriptions)] {
                for subject in subjects {
                    let parts = [&user, kind, &format!("\"{subject}\"")];
                    until(&format!("{parts:?} is refused"), async || {
                        let violations = rights.violations()?;
                        Ok(holds(violations.iter().any(|line| parts.iter().all(|part| line.contains(*part)))))
                    })
                    .await?;
                }
            }
        }
        Ok(())
    })
    .await;
}
