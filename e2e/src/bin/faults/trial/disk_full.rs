//! The disk under a relay's own nats-server is full. Nothing is lost, readiness says why, and when
//! there is room again webhooks are accepted again without a hand.
//!
//! The disk under one of three is full. Nothing is lost, callers need not notice, and readiness warns of
//! the copies that are missing until there are all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::disk::Small;
use e2e::wait::{holds, until};
use e2e::{Destination, Server, World};
use serde_json::{Value, json};

use super::account;
use super::straight::Straight;
use super::traffic::Traffic;

/// The size of the disk, in bytes. JetStream takes three quarters of it, and the stream for inputs
/// that do not exist reserves 256 MiB of that.
const DISK_BYTES: u64 = 512 * 1024 * 1024;
/// How many webhooks are accepted at least, or refused, from one step to the next.
const BETWEEN: u64 = 50;
/// From one webhook of a sender to its next.
const PAUSE: Duration = Duration::from_millis(10);
/// Which of three has the disk, for how long it is full, and how often readiness is asked meanwhile.
const FULL_ONE: usize = 0;
const FULL: Duration = Duration::from_secs(20);
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long it may take to have everything again by itself, before it is started again.
const BY_ITSELF: Duration = Duration::from_secs(30);

pub(super) async fn run() -> Result<String> {
    let world = World::new()?;
    let disk = Small::over(&world.dir().join("relay/nats"), DISK_BYTES)?;
    let mut server = world.server("relay").start().await?;
    let api = server.api()?;
    let destination = Destination::start()?;
    let bucket = api.make_bucket("deploys", json!({})).await?;
    api.make_output(&bucket, &destination.url("/"), json!({})).await?;
    let token = api.make_token(json!({})).await?;
    let _agent = world.agent("agent").token(&token).server(&server).serves("deploys").start()?;
    let traffic = Traffic::start(|| server.caller(), bucket.input, PAUSE);
    traffic.is_accepted(BETWEEN).await?;

    disk.fill()?;
    let full = Instant::now();
    traffic.is_refused(4).await?;
    until("readiness says why", async || Ok(holds(server.is_not_ready_for("no space left").await))).await?;
    let told = full.elapsed().as_secs_f32();
    ensure!(server.process_mut().is_running()?, "the relay ended on a full disk");

    disk.free()?;
    let freed = Instant::now();
    traffic.is_accepted(BETWEEN).await?;
    let back = freed.elapsed().as_secs_f32();
    server.until_ready().await?;

    let ledger = traffic.stop().await?.ledger;
    until("everything accepted has arrived", async || Ok(holds(ledger.is_covered_by(&destination.arrivals())))).await?;
    let account = account(&ledger.close(&destination.arrivals()))?;
    Ok(format!("{account}; `/readyz` said why after {told:.1} s; accepted again {back:.1} s after the disk had room"))
}

/// Of three, the one that leads every stream.
pub(super) async fn one_of_three() -> Result<String> {
    let world = World::new()?;
    let disk = Small::over(&world.dir().join(format!("nats-{FULL_ONE}")), DISK_BYTES)?;
    let mut straight = Straight::around(&world, world.cluster().await?).await?;
    straight.relay.nats.lead(FULL_ONE).await?;
    let traffic = straight.traffic(PAUSE);
    traffic.is_accepted(BETWEEN).await?;

    let (accepted, refused) = (traffic.accepted(), traffic.refused());
    disk.fill()?;
    let full = Instant::now();
    let relay = &straight.relay;
    let (without, said) = tokio::join!(
        straight.passes(&traffic),
        said_while_full([&relay.auth, &relay.ingress, &relay.dispatcher, &relay.api])
    );
    let (accepted, refused) = (traffic.accepted() - accepted, traffic.refused() - refused);
    disk.free()?;
    let by_itself = tokio::time::timeout(BY_ITSELF, straight.relay.nats.until_current()).await.is_ok();
    let mut back = "with room again it had everything by itself".to_owned();
    if !by_itself {
        let warns = async || Ok(holds(failed_checks(&straight.relay.auth).await == ["`copies`"]));
        until("readiness warns that copies are missing", warns).await?;
        let warned = full.elapsed().as_secs_f32();
        let node = straight.relay.nats.node(FULL_ONE);
        node.kill().await?;
        node.start_again().await?;
        straight.relay.nats.until_current().await?;
        let no_more = async || Ok(holds(failed_checks(&straight.relay.auth).await.is_empty()));
        until("readiness warns no more", no_more).await?;
        back = format!(
            "`copies` warned after {warned:.1} s; with room again it had everything only when it was started again"
        );
    }
    straight.relay.nats.lead(FULL_ONE).await?;
    traffic.is_accepted(BETWEEN).await?;
    let (without, account) = (without?.as_secs_f32(), straight.close(traffic).await?);
    Ok(format!(
        "{account}; in the {} s that it was full {accepted} were accepted and {refused} not, one sent then arrived \
         after {without:.1} s, and `/readyz` said {said}; {back}",
        FULL.as_secs()
    ))
}

/// The checks of readiness that were not passed meanwhile, in any of these.
async fn said_while_full(services: [&Server; 4]) -> String {
    let mut failed = BTreeSet::new();
    let until = Instant::now() + FULL;
    while Instant::now() < until {
        for service in services {
            failed.extend(failed_checks(service).await);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    if failed.is_empty() { "nothing".to_owned() } else { failed.into_iter().collect::<Vec<_>>().join(", ") }
}

/// The names of the checks that a service does not pass now.
async fn failed_checks(service: &Server) -> Vec<String> {
    let Ok(answer) = service.get("/readyz").await else { return vec!["no answer".to_owned()] };
    let report: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let checks = report["checks"].as_array().cloned().unwrap_or_default();
    let failed = checks.iter().filter(|check| check["ok"] == false);
    failed.map(|check| format!("`{}`", check["name"].as_str().unwrap_or_default())).collect()
}
