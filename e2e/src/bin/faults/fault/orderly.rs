//! Processes are asked to stop (SIGTERM) and started again, one at a time, as a deploy does.

use anyhow::{Context, Result};

use super::WHILE;
use crate::args::Args;
use crate::stage::{Kind, Stage};

/// Every service, in the order in which they need each other.
const SERVICES: [Kind; 4] = [Kind::Auth, Kind::Api, Kind::Ingress, Kind::Dispatcher];

/// Every copy of every service.
pub(super) async fn services(stage: &mut Stage) -> Result<()> {
    for kind in SERVICES {
        for number in 0..stage.count(kind) {
            restart(stage, kind, number).await?;
        }
    }
    Ok(())
}

/// Every one of a kind.
pub(super) async fn all(stage: &mut Stage, kind: Kind) -> Result<()> {
    for number in 0..stage.count(kind) {
        restart(stage, kind, number).await?;
        stage.broker.until_current().await?;
    }
    Ok(())
}

/// One of every kind runs as the earlier version for a while, beside one of this version.
pub(super) async fn previous(stage: &mut Stage, args: &Args) -> Result<()> {
    let dir = args.previous.as_ref().context("no earlier version was given")?;
    let servers: Vec<_> = SERVICES.into_iter().map(|kind| (kind, stage.server(kind, 0).plan())).collect();
    for (kind, plan) in &servers {
        stage.server(*kind, 0).set_plan(plan.clone().program(dir.join("relay-server")));
        restart(stage, *kind, 0).await.with_context(|| format!("{kind:?} of the earlier version"))?;
    }
    let agent = stage.agents[0].plan();
    stage.agents[0].set_plan(agent.clone().program(dir.join("relay")));
    restart(stage, Kind::Agent, 0).await?;
    stage.until_passing().await?;
    stage.goes_on(WHILE).await?;
    for (kind, plan) in servers {
        stage.server(kind, 0).set_plan(plan);
        restart(stage, kind, 0).await?;
    }
    stage.agents[0].set_plan(agent);
    restart(stage, Kind::Agent, 0).await
}

async fn restart(stage: &mut Stage, kind: Kind, number: usize) -> Result<()> {
    stage.stop(kind, number).await?;
    stage.start_again(kind, number).await
}
