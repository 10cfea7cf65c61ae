//! Large bodies.

use e2e::nats::Durability;
use e2e::report::say;
use serde_json::json;

use crate::args::Args;
use crate::load::Until;
use crate::rig::Rig;
use crate::traffic::Shape;

/// The sizes of bodies, in bytes: one that lies in its event, and one that is cut into pieces.
const SIZES: [usize; 2] = [1024 * 1024, 10 * 1024 * 1024];
/// Over how many connections they come.
const CONNECTIONS: usize = 4;

/// What was measured with one size.
pub(crate) struct Bodies {
    pub(crate) bytes: usize,
    pub(crate) count: usize,
    /// Megabytes accepted in a second.
    pub(crate) accepted: f64,
    /// Megabytes delivered in a second.
    pub(crate) delivered: f64,
    pub(crate) lost: usize,
}

/// Sends each size as fast as answers come.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Vec<Bodies>> {
    let mut rig = Rig::start_with(Durability::Always, 1, json!({"large_webhooks": true})).await?;
    let mut all = Vec::new();
    for bytes in SIZES {
        let shape = Shape { body_bytes: bytes, connections: CONNECTIONS, buckets: 1 };
        let run = rig.traffic.saturate(Until::Over(args.span()), &shape).await?;
        let count = run.sent.accepted.len();
        let megabytes = (count * bytes) as f64 / 1e6;
        let (took, lag) = (run.sent.took.as_secs_f64(), run.lag.as_secs_f64());
        let bodies =
            Bodies { bytes, count, accepted: megabytes / took, delivered: megabytes / (took + lag), lost: run.lost };
        say(&format!(
            "bodies of {bytes} bytes: accepted {:.0} MB/s, delivered {:.0} MB/s, {count} webhooks, failed {}, lost {}",
            bodies.accepted, bodies.delivered, run.sent.failed, bodies.lost
        ));
        all.push(bodies);
    }
    Ok(all)
}
