//! The network between the nats-servers is cut around one of them. Clients still reach all three.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::SmallRng;

use super::lasts;
use crate::setting::Broker;
use crate::stage::Stage;

/// Long enough for an election, and for every client to notice.
const CUT: Duration = Duration::from_secs(15);

/// Around any of them; around the leader of everything if `leads`.
pub(super) async fn any(stage: &mut Stage, leads: bool, dice: &mut SmallRng) -> Result<()> {
    let number = dice.random_range(0..stage.broker.count());
    let Broker::Three(cluster) = &stage.broker else { return Ok(()) };
    let other = (number + 1) % stage.broker.count();
    cluster.lead(if leads { number } else { other }).await?;
    cluster.routes().isolate(number);
    lasts(CUT).await;
    cluster.routes().heal();
    Ok(())
}
