//! What a delivery costs in processor time, and how that grows with buckets, outputs and agents.

use e2e::report::say;

use crate::apart::{Apart, Costs, Size};
use crate::args::Args;
use crate::rates::ms;
use crate::traffic::Shape;

/// How many deliveries there are in a second, whatever they are spread over.
const DELIVERIES: f64 = 500.0;

/// What was measured with so many of each.
pub(crate) struct Growth {
    pub(crate) size: Size,
    pub(crate) costs: Costs,
}

/// Measures one of each, then many of one kind.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Vec<Growth>> {
    let (one, many) = (Size { buckets: 1, outputs: 1, agents: 1 }, args.many());
    let sizes = [one, Size { buckets: many, ..one }, Size { outputs: many, ..one }, Size { agents: many, ..one }];
    let mut all = Vec::new();
    for size in sizes {
        let mut apart = Apart::start(size).await?;
        let shape = Shape { body_bytes: args.body_bytes, connections: 64, buckets: size.buckets };
        let costs = apart.costs(DELIVERIES / size.outputs as f64, args.span(), &shape).await?;
        say(&format!(
            "{size:?} at {DELIVERIES}/s: {:?} of processors for a delivery, p50 {:.2} ms p99 {:.2} ms, lost {}",
            costs.sum(),
            ms(&costs.run.delivered, 0.5),
            ms(&costs.run.delivered, 0.99),
            costs.run.lost
        ));
        all.push(Growth { size, costs });
    }
    Ok(all)
}
