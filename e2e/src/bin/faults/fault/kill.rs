//! A process is killed (SIGKILL) and started again, as a supervisor would.

use anyhow::Result;
use rand::rngs::SmallRng;

use crate::stage::{Kind, Stage};

/// Any of a kind.
pub(super) async fn any(stage: &mut Stage, kind: Kind, dice: &mut SmallRng) -> Result<()> {
    let number = stage.one_of(kind, dice);
    stage.kill(kind, number).await?;
    stage.start_again(kind, number).await
}

/// The nats-server without which a lane gets nothing.
pub(super) async fn leader(stage: &mut Stage, dice: &mut SmallRng) -> Result<()> {
    let number = stage.leader(dice).await?;
    stage.kill(Kind::Nats, number).await?;
    stage.start_again(Kind::Nats, number).await
}
