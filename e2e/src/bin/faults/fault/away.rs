//! An agent is away, and comes back.

use std::time::Duration;

use anyhow::Result;

use super::lasts;
use crate::stage::{Kind, Stage};

/// The number of the agent that has a lane to itself.
const ALONE: usize = 2;

/// The one of a lane with a single agent, for so long.
pub(super) async fn agent(stage: &mut Stage, span: Duration) -> Result<()> {
    stage.kill(Kind::Agent, ALONE).await?;
    lasts(span).await;
    stage.start_again(Kind::Agent, ALONE).await
}
