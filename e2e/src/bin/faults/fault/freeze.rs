//! A process is stopped where it is (SIGSTOP) and goes on later: a laptop that sleeps, a machine that swaps.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::SmallRng;

use super::lasts;
use crate::stage::{Kind, Stage};

/// Any of a kind, for so long.
pub(super) async fn any(stage: &mut Stage, kind: Kind, span: Duration, dice: &mut SmallRng) -> Result<()> {
    let number = stage.one_of(kind, dice);
    stage.process(kind, number).freeze()?;
    lasts(span).await;
    stage.process(kind, number).go_on()
}
