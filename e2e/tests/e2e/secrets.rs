//! What callers, owners and destinations wrote, and every secret: in no log line, whatever its level,
//! in no span, in no metric, and in no answer to somebody who got something wrong.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use e2e::collector::Collector;
use e2e::http::{Answer, Connection};
use e2e::{Destination, Reply, Server, World, story};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::metrics::{free_address, metrics};
use crate::plaintext::{contains, forms};
use crate::public_outputs::ALLOW_LOOPBACK;

/// Texts that stand nowhere by chance, and what each of them is.
#[derive(Default)]
struct Marks(BTreeMap<&'static str, String>);

impl Marks {
    /// A text of 64 bytes.
    fn make(&mut self, what: &'static str) -> String {
        let mark = [Uuid::new_v4(), Uuid::new_v4()].map(|half| half.simple().to_string()).concat();
        self.keep(what, mark)
    }

    fn keep(&mut self, what: &'static str, mark: String) -> String {
        self.0.insert(what, mark.clone());
        mark
    }

    /// The lines of a text that hold a mark in any form, each with what it is.
    fn found_in(&self, place: &str, text: &str) -> Vec<String> {
        let all: Vec<_> = self.0.iter().map(|(what, mark)| (what, forms(mark))).collect();
        let mut found = Vec::new();
        for line in text.lines() {
            let held = all.iter().filter(|(_, forms)| forms.iter().any(|form| contains(line.as_bytes(), form)));
            found.extend(
                held.map(|(what, _)| format!("{place}: {what}: {}", line.chars().take(400).collect::<String>())),
            );
        }
        found
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_anybody_wrote_is_logged_traced_or_counted() {
    story(async |world: &World| {
        let mut marks = Marks::default();
        let collector = Collector::start().await?;
        let (_reserved, metrics_at) = free_address()?;
        let master = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
        let admin_secret = marks.make("the secret of the first token");
        let mut server = world
            .server("relay")
            .args(ALLOW_LOOPBACK)
            .args(["--log", "trace", "--metrics-addr", &metrics_at.to_string()])
            .env("RELAY_MASTER_KEY", &marks.keep("the master key", BASE64_STANDARD.encode(master)))
            .env("RELAY_ADMIN_KEY", &Uuid::new_v4().to_string())
            .env("RELAY_ADMIN_SECRET", &admin_secret);
        for (name, value) in collector.env("relay") {
            server = server.env(name, &value);
        }
        let server = server.start().await?;
        let api = server.api()?;

        let destination = Destination::start()?;
        let (answer_header, answer_body) = (marks.make("a header of an answer"), marks.make("the body of an answer"));
        destination.replies(move |arrival| {
            let status = if arrival.attempt() == Some(1) { "500 No" } else { "200 OK" };
            let head = format!("HTTP/1.1 {status}\r\nX-Answer: {answer_header}\r\nContent-Length: {}\r\n\r\n", answer_body.len());
            Reply::Bytes(format!("{head}{answer_body}").into_bytes())
        });
        let password = marks.make("the password of a bucket");
        let auth = json!({"type": "basic", "username": "ann", "password": password});
        let bucket = api.make_bucket("deploys", json!({"auth": auth, "description": marks.make("a description")})).await?;
        let signing = format!("whsec_{}", BASE64_STANDARD.encode(marks.make("the secret of a signature")));
        let resign = format!("whsec_{}", BASE64_STANDARD.encode(marks.make("the secret that signs anew")));
        let signature = json!({"provider": "standard_webhooks", "secrets": [signing], "policy": "mark"});
        let input = api.make_input(&bucket, json!({"name": "signed", "signature": signature})).await?;
        let url = destination.url(&format!("/{}?key={}", marks.make("the path of a destination"), marks.make("the query of a destination")));
        let output = json!({"name": "internal", "headers": {"X-Key": [marks.make("a header of an output")]}, "resign_secret": resign});
        api.make_output(&bucket, &url, output.clone()).await?;
        let mut public = output;
        public["name"] = json!("public");
        api.make_public_output(&bucket, &url, public).await?;

        let token = api.make_token(json!({"description": marks.make("the description of a token")})).await?;
        marks.keep("the secret of a token", token.secret.clone());
        let mut agent = world.agent("agent").token(&token).server(&server).serves("deploys").env("RELAY_LOG", "trace");
        for (name, value) in collector.env("agent") {
            agent = agent.env(name, &value);
        }
        let mut agent = agent.start()?;

        let body = marks.make("a body");
        let request = format!(
            "POST /v1/webhooks/{input}/{path}?key={query} HTTP/1.1\r\nHost: a\r\n{auth}X-Mark: {header}\r\n\
             X-{name}: 1\r\nCookie: {cookie}\r\nUser-Agent: {agent}\r\ntracestate: {state}\r\nbaggage: {baggage}\r\n\
             webhook-id: {id}\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,{signature}\r\nContent-Length: {length}\r\n\r\n{body}",
            path = marks.make("a path"),
            query = marks.make("a query"),
            auth = basic("ann", &password),
            header = marks.make("a header"),
            name = marks.make("the name of a header"),
            cookie = marks.make("a cookie"),
            agent = marks.make("a user agent"),
            state = marks.make("a tracestate"),
            baggage = marks.make("baggage"),
            id = marks.make("the id of a webhook"),
            signature = marks.make("a signature"),
            length = body.len(),
        );
        assert_eq!(server.caller().send("POST", request.as_bytes()).await?.status, 200);
        // To the agent and to the public output, twice each.
        destination.receives(4).await?;
        let tried = |spans: &[e2e::collector::Span]| spans.iter().filter(|span| span.name() == "attempt").count() == 4;
        let spans = collector.until("the attempts are traced", tried).await?;

        let mut found = Vec::new();
        for (what, answer) in wrong_calls(&server, &input.to_string(), &mut marks).await? {
            anyhow::ensure!(answer.status >= 400, "{what}: {answer:?}");
            found.extend(marks.found_in(&format!("the answer to {what}"), &format!("{}\n{}", answer.head, answer.text())));
        }
        found.extend(marks.found_in("a metric", &metrics(metrics_at).await?));
        found.extend(marks.found_in("a span", &format!("{spans:#?}\n{:#?}", collector.spans())));
        agent.process().terminate()?;
        agent.process_mut().exit().await?;
        let mut seen = String::new();
        for entry in fs::read_dir(world.logs())? {
            let path = entry?.path();
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            found.extend(marks.found_in(&path.file_name().unwrap_or_default().to_string_lossy(), &text));
            seen.push_str(&text);
        }
        for level in ["TRACE", "DEBUG"] {
            assert!(seen.contains(level), "the programs log at the level {level}");
        }
        assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
        Ok(())
    })
    .await;
}

/// Calls that are refused, each for another reason, with a mark in whatever can be wrong.
async fn wrong_calls(server: &Server, input: &str, marks: &mut Marks) -> Result<Vec<(&'static str, Answer)>> {
    let api = server.api()?;
    let (path, secret, field) = (marks.make("a wrong path"), marks.make("a wrong secret"), marks.make("a wrong field"));
    let line = marks.make("a wrong line");
    let wrong = e2e::Token { key: api.token().key.clone(), secret: secret.clone() };
    let post = |lines: &str| {
        format!("POST /v1/webhooks/{input}/{path} HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: 0\r\n\r\n")
    };
    Ok(vec![
        ("a wrong password", raw(server, &post(&basic("ann", &secret))).await?),
        ("a line that is none", raw(server, &post(&format!("{line}\r\n"))).await?),
        ("a path that is none", raw(server, &format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n")).await?),
        ("a wrong secret", api.with(&wrong).request("GET", "/v1/buckets", &Value::Null).await?),
        (
            "a wrong API key",
            api.with_api_key(&format!("sk-{secret}")).request("GET", "/v1/buckets", &Value::Null).await?,
        ),
        ("an id that is none", api.request("GET", &format!("/v1/logs/{path}"), &Value::Null).await?),
        ("a body of the wrong form", api.request("POST", "/v1/buckets", &json!({"name": {"x": field}})).await?),
    ])
}

async fn raw(server: &Server, request: &str) -> Result<Answer> {
    let mut connection = Connection::open(server.address()).await.context("connect")?;
    connection.send(request.as_bytes()).await?;
    connection.answer("POST").await
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(format!("{user}:{password}")))
}
