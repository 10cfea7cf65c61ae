//! What a delivery costs in processor time, and how that grows with buckets, outputs and agents.

use e2e::report::say;

use crate::apart::{Apart, Costs, Size};
use crate::args::Args;
use crate::rates::ms;
use crate::traffic::Shape;

/// How many deliveries there are in a second, whatever they are spread over.
const DELIVERIES: f64 = 500.0;
/// How many buckets there are when processors have more to do, and how many deliveries in a second:
/// the more there is to do, the more is done at each waking.
const BUSY: (usize, f64) = (32, 2500.0);

/// What was measured with so many of each.
pub(crate) struct Growth {
    pub(crate) size: Size,
    /// Deliveries in a second.
    pub(crate) rate: f64,
    pub(crate) costs: Costs,
}

/// Measures one of each, many of one kind, and then more deliveries.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Vec<Growth>> {
    let (one, many) = (Size { buckets: 1, outputs: 1, agents: 1 }, args.many());
    let sizes = [one, Size { buckets: many, ..one }, Size { outputs: many, ..one }, Size { agents: many, ..one }];
    let busy = (Size { buckets: BUSY.0, ..one }, BUSY.1);
    let mut all = Vec::new();
    for (size, rate) in sizes.map(|size| (size, DELIVERIES)).into_iter().chain([busy]) {
        let mut apart = Apart::start(size).await?;
        let shape = Shape { body_bytes: args.body_bytes, connections: 64, buckets: size.buckets };
        let costs = apart.costs(rate / size.outputs as f64, args.span(), &shape).await?;
        say(&format!(
            "{size:?} at {rate}/s: {:?} of processors for a delivery, p50 {:.2} ms p99 {:.2} ms, lost {}",
            costs.sum(),
            ms(&costs.run.delivered, 0.5),
            ms(&costs.run.delivered, 0.99),
            costs.run.lost
        ));
        all.push(Growth { size, rate, costs });
    }
    Ok(all)
}
