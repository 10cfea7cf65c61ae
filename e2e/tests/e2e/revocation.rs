//! A token that is revoked ends its sessions.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use e2e::report::say;
use e2e::wait::{holds, until, until_within};
use e2e::{World, story};
use serde_json::json;

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
