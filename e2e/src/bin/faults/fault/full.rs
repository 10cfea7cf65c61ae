//! A limit is reached: JetStream refuses what is published.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream;
use e2e::wait::{holds, until};
use futures_util::TryStreamExt;

use super::lasts;
use crate::lane::{Lane, Told};
use crate::stage::{Kind, Stage};

/// How long they are full.
const FULL: Duration = Duration::from_secs(5);

/// What the nats-server still takes: seconds of the load.
const LEFT_BYTES: u64 = 200_000;

/// The nats-server has little room left; when nobody is accepted any more, it is given more.
pub(super) async fn quota(stage: &mut Stage) -> Result<()> {
    let kept = stage.broker.node(0).kept_bytes().await?;
    stage.broker.node(0).limit(kept + LEFT_BYTES);
    stage.stop(Kind::Nats, 0).await?;
    stage.start_again(Kind::Nats, 0).await?;
    let refused = |stage: &Stage| -> Vec<usize> {
        let of = |lane: &Lane| lane.notes().answers.iter().filter(|answer| answer.told == Told::Refused).count();
        stage.lanes.iter().map(of).collect()
    };
    let before = refused(stage);
    until("every lane is refused", async || {
        Ok(holds(refused(stage).iter().zip(&before).all(|(now, before)| now > before)))
    })
    .await?;
    lasts(FULL).await;
    stage.broker.node(0).raise_limit()
}

/// All streams whose name begins so have no room left, for a while.
pub(super) async fn streams(stage: &mut Stage, prefix: &str) -> Result<()> {
    let context = jetstream::new(stage.broker.as_ref().connect().await?);
    let streams: Vec<_> = context.streams().try_collect().await?;
    let (mut before, mut full) = (Vec::new(), 0);
    for info in streams.into_iter().filter(|info| info.config.name.starts_with(prefix)) {
        let mut config = info.config.clone();
        config.max_bytes = i64::try_from(info.state.bytes.max(1))?;
        context.update_stream(config).await.context("limit a stream")?;
        before.push(info.config);
        full += 1;
    }
    lasts(FULL).await;
    for config in before {
        context.update_stream(config).await.context("take the limit off a stream")?;
    }
    stage.remark(format!("{full} streams were full for {} s", FULL.as_secs()));
    Ok(())
}
