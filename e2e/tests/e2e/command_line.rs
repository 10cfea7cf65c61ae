//! `relay` on the command line: what a person does first, and what its owner allows.

use anyhow::{Context, Result};
use e2e::wait::{holds, until};
use e2e::{Arrival, Destination, Server, Token, World, story};
use model::fact::{Ending, Fact, Outcome};
use serde_json::{Value, json};

use crate::straight::{Straight, send};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_five_minutes() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let destination = Destination::start()?;
        login(world, &server).await?;
        relay(world, &["bucket", "create", "deploys"]).await?;
        let buckets: Value = serde_json::from_str(&relay(world, &["bucket", "ls", "--json"]).await?)?;
        let bucket = buckets.as_array().and_then(|all| all.first()).context("a bucket")?;
        assert_eq!(bucket["name"], "deploys");
        let input = bucket["inputs"][0]["id"].as_str().context("an input")?.parse()?;
        relay(world, &["status"]).await?;

        let hook = destination.url("/hook");
        let _agent = world.agent("person").args(["forward", &hook, "--bucket", "deploys"]).start()?;
        // A webhook is due to the outputs that there are when it comes.
        let id = bucket["id"].as_str().context("an id")?;
        until("there is an output", async || {
            let outputs = server.api()?.call("GET", &format!("/v1/buckets/{id}/outputs"), &Value::Null, 200).await?;
            Ok(holds(outputs.as_array().is_some_and(|all| !all.is_empty())))
        })
        .await?;
        assert_eq!(server.caller().post(input, b"1").await?.status, 200);
        let arrival: Arrival = destination.receives(1).await?.remove(0);
        assert_eq!(arrival.request_line(), "POST /hook HTTP/1.1");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_end_the_agent() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        server.api()?.make_bucket("deploys", json!({})).await?;
        let right = server.api()?.make_token(json!({})).await?;
        let wrong_secret = Token { secret: "wrong".to_owned(), ..right.clone() };
        let unknown = Token { key: uuid::Uuid::new_v4().to_string(), ..right };
        for token in [wrong_secret, unknown] {
            check_exit(world, &server, &token, 3).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_reaches_the_buckets_in_its_scope_and_no_others() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let (api, destination) = (server.api()?, Destination::start()?);
        let mine = api.make_bucket("mine", json!({})).await?;
        let other = api.make_bucket("other", json!({})).await?;
        for bucket in [&mine, &other] {
            api.make_output(bucket, &destination.url(&format!("/{}", bucket.name)), json!({})).await?;
        }
        let token = api.make_token(json!({"scopes": {"buckets": ["mine"]}})).await?;
        let _agent = world.agent("all").token(&token).server(&server).serves_all().start()?;
        send(&server, &other, [1]).await?;
        send(&server, &mine, [2]).await?;
        destination.receives_number(2).await?;
        assert!(destination.arrivals().iter().all(|arrival| arrival.request_line().contains("/mine")));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_owner_has_the_last_word_on_destinations() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let (allowed, forbidden) = (Destination::start()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let first = api.make_output(&bucket, &allowed.url("/"), json!({"name": "allowed"})).await?;
        let second = api.make_output(&bucket, &forbidden.url("/"), json!({"name": "forbidden"})).await?;
        let token = api.make_token(json!({})).await?;
        let rule = allowed.address().to_string();
        let plan = world.agent("agent").token(&token).server(&server).serves("deploys");
        let _agent = plan.args(["--allow", &rule]).start()?;

        send(&server, &bucket, [1]).await?;
        log.until_ended(bucket.id, first, Ending::Sent, 1).await?;
        log.until_ended(bucket.id, second, Ending::Failed, 1).await?;
        assert_eq!((allowed.count(), forbidden.count()), (1, 0));
        let facts = log.facts(bucket.id).await?;
        let refused = |fact: &Fact| matches!(fact, Fact::AttemptFinished { outcome: Outcome::NotAllowed, .. });
        assert!(facts.iter().any(|line| line.output == second && refused(&line.fact)));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_says_what_an_agent_does() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.agent.kill().await?;
        let file = world.dir().join("relay.yml");
        let text = format!(
            "version: v1\nkey: {}\nsecret: {}\nbuckets:\n  - deploys\n",
            straight.token.key, straight.token.secret
        );
        std::fs::write(&file, text)?;
        let plan = world.agent("by-file").server(&straight.server);
        let _agent = plan.args(["run", "-c", &file.to_string_lossy()]).start()?;
        straight.send_through(1).await?;
        Ok(())
    })
    .await;
}

async fn check_exit(world: &World, server: &Server, token: &Token, code: i32) -> Result<()> {
    let mut agent = world.agent("refused").token(token).server(server).serves("deploys").start()?;
    let status = agent.process_mut().exit().await?;
    assert_eq!(status.code(), Some(code), "{}", agent.process().last_words());
    Ok(())
}

/// Logs in as the administrator, as whom [`relay`] runs from then on.
pub(crate) async fn login(world: &World, server: &Server) -> Result<()> {
    let admin = Token::of_admin_file(&server.data_dir().join("admin.json"))?;
    relay(world, &["login", "--url", &server.url(), "--key", &admin.key, "--secret", &admin.secret]).await?;
    Ok(())
}

/// Runs a command as the same person each time, and returns what it prints.
pub(crate) async fn relay(world: &World, args: &[&str]) -> Result<String> {
    let mut command = world.agent("person").args(args.iter().copied()).start()?;
    let status = command.process_mut().exit().await?;
    anyhow::ensure!(status.success(), "relay {args:?}: {status}\n{}", command.process().last_words());
    command.process().output()
}

/// Runs a command in the same way, and returns its exit code.
pub(crate) async fn relay_ends(world: &World, args: &[&str]) -> Result<Option<i32>> {
    let mut command = world.agent("person").args(args.iter().copied()).start()?;
    Ok(command.process_mut().exit().await?.code())
}
