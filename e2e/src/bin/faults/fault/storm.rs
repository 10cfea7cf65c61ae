//! A dispatcher dies with many sessions, and all of their agents come back at once.

use std::time::{Duration, Instant};

use agent::health::Health;
use agent::secret::Secret;
use agent::server::{Server, Trust};
use agent::session::{Choice, Credentials, Keeper, Subscription};
use agent::worker::{Exec, Relayer, Worker};
use anyhow::Result;
use e2e::Link;
use e2e::wait::{holds, until_within};
use rand::rngs::SmallRng;
use serde_json::json;
use telemetry::Stop;
use tokio::task::JoinSet;

use crate::stage::{Kind, Stage};

/// How long all sessions may take to open.
const OPEN_MAX: Duration = Duration::from_secs(300);
/// How many attempts each would take.
const CREDITS: u32 = 16;

/// So many sessions, opened by the agent's own code within this process.
pub(super) async fn dispatcher(stage: &mut Stage, sessions: usize, dice: &mut SmallRng) -> Result<()> {
    let name = format!("crowd-{}", stage.serial());
    let api = stage.api()?;
    api.make_bucket(&name, json!({})).await?;
    let token = api.make_token(json!({"scopes": {"buckets": [name]}})).await?;
    let link = Link::to(stage.dispatchers.iter().map(e2e::Server::address).collect()).await?;
    let (stop, mut running, mut healths) = (Stop::new(), JoinSet::new(), Vec::new());
    for _ in 0..sessions {
        let health = Health::default();
        healths.push(health.clone());
        // Its bucket gets nothing, so nothing is run.
        let exec = Exec { program: "true".to_owned(), args: Vec::new(), timeout: None };
        let worker = Worker::new(Relayer::Exec(exec));
        let subscription = Subscription { buckets: Vec::new(), group: String::new(), credits: CREDITS };
        let credentials = Credentials::new(token.key.clone(), Secret::from(token.secret.clone()));
        let server = Server::new(&link.url(), Trust::default())?;
        let keeper = Keeper::new(server, Choice::Either, credentials, subscription, worker, health);
        let stop = stop.clone();
        running.spawn(async move { keeper.run(&stop).await });
    }
    let opened = until_open(&healths).await?;

    let number = stage.one_of(Kind::Dispatcher, dice);
    let open = || healths.iter().filter(|health| health.is_open()).count();
    stage.kill(Kind::Dispatcher, number).await?;
    let (killed, mut fewest) = (Instant::now(), sessions);
    // The agents find out by themselves, but not in the moment of the kill.
    until_within(OPEN_MAX, "the sessions that were lost are open again", async || {
        fewest = fewest.min(open());
        Ok(holds(fewest < sessions && open() == sessions))
    })
    .await?;
    let back = killed.elapsed();
    stage.start_again(Kind::Dispatcher, number).await?;
    stage.remark(format!(
        "{sessions} sessions, opened in {:.1} s; {} lost at once, all back after {:.1} s",
        opened.as_secs_f32(),
        sessions - fewest,
        back.as_secs_f32()
    ));
    stop.give();
    running.shutdown().await;
    api.delete_token(&token).await
}

/// Waits until every session is open; returns how long that took.
async fn until_open(healths: &[Health]) -> Result<Duration> {
    let since = Instant::now();
    until_within(OPEN_MAX, "all sessions are open", async || Ok(holds(healths.iter().all(Health::is_open)))).await?;
    Ok(since.elapsed())
}
