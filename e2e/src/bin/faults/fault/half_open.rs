//! A connection over which nothing passes any more, and neither side is told.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::SmallRng;

use crate::stage::{Kind, Stage};

/// Two heartbeats, and what the machine needs.
const NOTICED_MAX: Duration = Duration::from_secs(25);

/// That of one agent, until both sides have noticed.
pub(super) async fn any(stage: &mut Stage, dice: &mut SmallRng) -> Result<()> {
    let number = stage.one_of(Kind::Agent, dice);
    let silenced = stage.links[number].silence();
    let (agent, dispatcher) = silenced.noticed(NOTICED_MAX).await?;
    let (agent, dispatcher) = (agent.as_secs_f32(), dispatcher.as_secs_f32());
    stage.remark(format!("noticed by the agent after {agent:.1} s, by the dispatcher after {dispatcher:.1} s"));
    Ok(())
}
