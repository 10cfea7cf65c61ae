//! What is in use is taken away by its owner: a token, a bucket.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::Reply;
use e2e::wait::until_within;
use serde_json::Value;

use super::WHILE;
use super::side::Side;
use crate::stage::Stage;

/// A session of a revoked token must be closed within this time.
const CLOSED_MAX: Duration = Duration::from_secs(5);
/// Attempts that were made when a bucket was deleted may arrive for so long.
const UNDER_WAY_MAX: Duration = Duration::from_secs(2);
/// How many webhooks are under way when something is taken away.
const UNDER_WAY: usize = 100;
/// How many more are sent than an agent attempts at once, so that some wait.
const WAITING: usize = 400;

/// A token is revoked while its agent delivers.
pub(super) async fn token(stage: &mut Stage) -> Result<()> {
    let mut side = Side::make(stage).await?;
    side.destination.replies(|_| Reply::Late(Duration::from_millis(50), 200));
    side.send(UNDER_WAY, 1).await?;
    stage.api()?.delete_token(&side.token).await?;
    let revoked = Instant::now();
    let process = side.agent.process_mut();
    until_within(CLOSED_MAX, "the agent of a revoked token ends", async || {
        Ok(if process.is_running()? { None } else { Some(()) })
    })
    .await?;
    stage.remark(format!("the session was closed after {:.2} s", revoked.elapsed().as_secs_f32()));
    let before = side.destination.count();
    side.send(UNDER_WAY, 1).await?;
    stage.goes_on(WHILE).await?;
    let after = side.destination.count();
    ensure!(before == after, "{} webhooks arrived after the agent of a revoked token had ended", after - before);
    let path = format!("/v1/buckets/{}?force=true", side.bucket.id);
    stage.api()?.call("DELETE", &path, &Value::Null, 200).await.map(drop)
}

/// A bucket is deleted while its events are under way.
pub(super) async fn bucket(stage: &mut Stage) -> Result<()> {
    let mut side = Side::make(stage).await?;
    side.destination.replies(|_| Reply::Late(Duration::from_secs(5), 200));
    side.send(WAITING, 1).await?;
    let path = format!("/v1/buckets/{}?force=true", side.bucket.id);
    stage.api()?.call("DELETE", &path, &Value::Null, 200).await?;
    let deleted = Instant::now();
    stage.goes_on(WHILE).await?;
    let arrivals = side.destination.arrivals();
    let after: Vec<_> = arrivals.iter().filter_map(|arrival| arrival.at.checked_duration_since(deleted)).collect();
    let last = after.iter().max().copied().unwrap_or_default();
    stage.remark(format!(
        "{} of {} arrived before the answer to the deletion, {} that were under way after it, the last after {:.2} s",
        arrivals.len() - after.len(),
        WAITING + 1,
        after.len(),
        last.as_secs_f32()
    ));
    ensure!(last < UNDER_WAY_MAX, "an event of a deleted bucket arrived {:.2} s after", last.as_secs_f32());
    stage.api()?.delete_token(&side.token).await
}
