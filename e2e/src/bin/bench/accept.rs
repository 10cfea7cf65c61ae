//! The ingress alone: webhooks for buckets without outputs, so that nothing but accepting is done.

use anyhow::ensure;
use e2e::nats::Durability;
use e2e::report::say;
use e2e::{Bucket, Log, Server, World};
use serde_json::json;

use crate::args::Args;
use crate::load::Until;
use crate::rates::ms;
use crate::traffic::{Shape, Traffic};

/// Over how many buckets webhooks are spread: so many that they load the streams nearly as evenly as the
/// yardstick's messages do.
pub(crate) const BUCKETS: usize = 512;

/// What was measured.
pub(crate) struct Accept {
    /// Accepted in a second, as fast as they were answered.
    pub(crate) rate: f64,
    /// Accepted webhooks that the log does not have.
    pub(crate) lost: usize,
}

/// Sends as fast as answers come, and counts what is in the log.
pub(crate) async fn measure(args: &Args, durability: Durability) -> anyhow::Result<Accept> {
    let world = World::new()?;
    let server = world.server("relay").args(["--durability", durability.as_str(), "--log", "warn"]).start().await?;
    let log = server.log().await?;
    accept(args, &server, &log, durability.as_str()).await
}

/// The same around three NATS servers that keep everything three times, each write on disk.
pub(crate) async fn cluster(args: &Args) -> anyhow::Result<Accept> {
    let world = World::new()?;
    let nats = world.cluster().await?;
    let server = world.server_around(&nats, "relay", "ingress,dispatcher,auth,api").args(["--log", "warn"]);
    let server = server.start().await?;
    let log = Log::open(nats.as_ref()).await?;
    accept(args, &server, &log, "always, three NATS servers").await
}

async fn accept(args: &Args, server: &Server, log: &Log, name: &str) -> anyhow::Result<Accept> {
    let api = server.api()?;
    let mut traffic = Traffic::new(server.address())?;
    for number in 0..BUCKETS {
        traffic.buckets.push(api.make_bucket(&format!("bucket-{number}"), json!({})).await?);
    }
    let shape = Shape { body_bytes: args.body_bytes, connections: args.connections, buckets: BUCKETS };
    let sent = traffic.send(Until::Over(args.span()), &shape).await?;
    ensure!(sent.failed == 0, "{} webhooks were not accepted", sent.failed);
    let mut kept = 0;
    for Bucket { id, .. } in &traffic.buckets {
        kept += log.events(*id).await?;
    }
    let (rate, answered, lost) = (sent.rate(), sent.answered, sent.accepted.len().saturating_sub(kept));
    say(&format!(
        "nothing to deliver, {name}: accepted {rate:.0}/s, p50 {:.2} ms p99 {:.2} ms, lost {lost}",
        ms(&answered, 0.5),
        ms(&answered, 0.99)
    ));
    Ok(Accept { rate, lost })
}
