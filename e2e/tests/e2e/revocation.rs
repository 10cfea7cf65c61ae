//! A token that is revoked ends its sessions.

use std::collections::HashMap;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use e2e::report::say;
use e2e::socket::{Heard, Socket};
use e2e::wait::{holds, until, until_within};
use e2e::{World, story};
use model::{TokenId, UnixMs, record};
use serde_json::json;
use store::verification::{Answer, Question, Verified};
use telemetry::Stop;

use crate::keys;
use crate::metrics::{free_address, metrics};
use crate::straight::Straight;

/// Within this time a session of a revoked token must be closed.
const REQUIRED: Duration = Duration::from_secs(5);

/// What an agent ends with when its credentials are refused.
const REFUSED: i32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_token_ends_its_session() {
    story(async |world: &World| {
        let (_reserved, address) = free_address()?;
        let server = world.server("relay").args(["--metrics-addr", &address.to_string()]);
        let mut straight = Straight::on(server, world, json!({}), json!({})).await?;
        straight.send_through(1).await?;
        let revoked = Instant::now();
        straight.api.delete_token(&straight.token).await?;
        check_agent_ends(&mut straight, address, revoked, "deleted").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_set_inactive_ends_its_session() {
    story(async |world: &World| {
        let (_reserved, address) = free_address()?;
        let server = world.server("relay").args(["--metrics-addr", &address.to_string()]);
        let mut straight = Straight::on(server, world, json!({}), json!({})).await?;
        straight.send_through(1).await?;
        let revoked = Instant::now();
        let path = format!("/v1/tokens/{}", straight.token.key);
        straight.api.call("PUT", &path, &json!({"active": false}), 200).await?;
        check_agent_ends(&mut straight, address, revoked, "set inactive").await
    })
    .await;
}

/// `auth` may hear of a change after the dispatcher does. Here a test answers for it, and never hears.
#[tokio::test(flavor = "multi_thread")]
async fn what_auth_has_not_heard_of_yet_opens_no_socket() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let mut auth = world.server_around(&nats, "auth", "auth").start().await?;
        let back = world.server_around(&nats, "back", "dispatcher,api").start().await?;
        let (api, token) = (back.api()?, back.api()?.make_token(json!({})).await?);
        auth.kill().await?;
        let store = keys::open(nats.access(), world.master_key().parse()?).await?;
        let directory = store.directory();
        directory.loaded().await;
        let before: HashMap<_, _> = directory
            .accounts()
            .iter()
            .flat_map(|account| directory.tokens_of(account.record.id))
            .map(|token| (token.record.id, token.record))
            .collect();
        let changed = directory.token(token.key.parse()?).context("the token is not there")?;
        let answering = tokio::spawn({
            let store = store.clone();
            async move {
                let answer = move |question| ready(verified(&before, &question).unwrap_or(Answer::Failed));
                store.verification().serve(answer, &Stop::new()).await
            }
        });

        let generation = changed.record.generation + 1;
        let record = record::Token { generation, description: "changed".to_owned(), ..changed.record.as_ref().clone() };
        directory.update(&record, changed.revision).await?;
        until("the dispatcher has heard of it", async || {
            let tokens = api.request("GET", "/v1/tokens", &json!(null)).await?;
            Ok(holds(String::from_utf8_lossy(&tokens.body).contains("changed")))
        })
        .await?;
        let mut socket = Socket::open(back.address()).await?;
        socket.say(&json!({"action": "auth", "key": token.key, "secret": token.secret})).await?;
        let Heard::Frame(frame) = socket.hear().await? else { bail!("closed without a word") };
        assert_eq!(frame["status"], "unauthorized", "{frame}");
        answering.abort();
        Ok(())
    })
    .await;
}

/// What somebody answers who knows these tokens, and every secret.
fn verified(tokens: &HashMap<TokenId, Arc<record::Token>>, question: &Question) -> Option<Answer> {
    let Question::Verify { token, .. } = question else { return None };
    let token = tokens.get(token)?;
    Some(Answer::Verified(Verified {
        account: token.account,
        token: token.id,
        generation: token.generation,
        session_token: String::new().into(),
        expires_at: UnixMs(0),
    }))
}

async fn check_agent_ends(
    straight: &mut Straight,
    metrics_address: SocketAddr,
    revoked: Instant,
    how: &str,
) -> anyhow::Result<()> {
    let agent = straight.agent.process_mut();
    let status = until_within(REQUIRED, "the agent is told", async || {
        Ok(if agent.is_running()? { None } else { Some(agent.exit().await?) })
    })
    .await?;
    say(&format!("a token {how} closes its session after {:.2} s", revoked.elapsed().as_secs_f32()));
    assert_eq!(status.code(), Some(REFUSED), "the agent does not try again");

    until("its end is measured", async || {
        let text = metrics(metrics_address).await?;
        let is = |series: &str| text.lines().any(|line| line == series);
        Ok(holds(is("relay_revocation_seconds_count 1") && is("relay_revocation_seconds_bucket{le=\"10.0\"} 1")))
    })
    .await?;

    straight.send([2]).await?;
    let answer = straight.api.with(&straight.token).request("GET", "/v1/buckets", &json!(null)).await?;
    assert_eq!(answer.status, 401);
    assert_eq!(straight.destination.count(), 1, "nothing more arrives");
    Ok(())
}
