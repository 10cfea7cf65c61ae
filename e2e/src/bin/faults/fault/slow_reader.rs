//! An agent that stops reading, with large webhooks waiting for it.

use anyhow::{Context, Result};

use super::side::Side;
use crate::stage::{Kind, Stage};

/// What waits: far more than a dispatcher may hold for one session.
const WEBHOOKS: usize = 150;
const BODY_BYTES: usize = 400 * 1024;
const MIB: u64 = 1024 * 1024;

/// One beside the lanes, while [`WEBHOOKS`] come for it; then it reads on and gets them all.
pub(super) async fn one(stage: &mut Stage) -> Result<()> {
    let mut side = Side::make(stage).await?;
    let before = resident_bytes(stage)?;
    side.link.stop_reading();
    let mut peak = before;
    for _ in 0..WEBHOOKS {
        side.send(1, BODY_BYTES).await?;
        peak = peak.max(resident_bytes(stage)?);
    }
    side.link.read_on();
    side.destination.receives(WEBHOOKS + 1).await?;
    let waiting = (WEBHOOKS * BODY_BYTES) as u64 / MIB;
    stage.remark(format!(
        "with {waiting} MiB waiting, both dispatchers together grew from {} MiB to {} MiB",
        before / MIB,
        peak / MIB
    ));
    side.end(stage).await
}

/// The memory of both dispatchers.
fn resident_bytes(stage: &mut Stage) -> Result<u64> {
    let mut sum = 0;
    for number in 0..stage.count(Kind::Dispatcher) {
        sum += stage.process(Kind::Dispatcher, number).resident_bytes().context("a dispatcher's memory")?;
    }
    Ok(sum)
}
