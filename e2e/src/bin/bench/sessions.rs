//! Idle sessions: what they cost, and how they come back when their dispatcher dies.

mod idle;

use std::time::{Duration, Instant};

use e2e::report::say;
use e2e::wait::{holds, until, until_within};
use e2e::{Destination, Process};
use serde_json::json;

use crate::apart::{Apart, Size};
use crate::args::Args;
use crate::load::Latencies;
use crate::rates::ms;
use crate::traffic::Shape;
use idle::Crowd;

/// Sessions that are open before the count begins, so that what is made once is not counted.
const BEFORE: usize = 10;
/// Memory counts as settled when it moves by less than this between two looks.
const SETTLED_BYTES: u64 = 256 * 1024;
/// Webhooks in a second through another dispatcher meanwhile.
const RATE: f64 = 200.0;
/// How long all sessions may take to come back.
const BACK_MAX: Duration = Duration::from_secs(300);

/// What was measured.
pub(crate) struct Sessions {
    pub(crate) count: usize,
    pub(crate) before_bytes: u64,
    pub(crate) after_bytes: u64,
    /// The share of one processor that their dispatcher takes for them.
    pub(crate) idle_share: f64,
    /// From the death of their dispatcher, which is started again at once, until all are back.
    pub(crate) back_in: Duration,
    /// Webhooks through another dispatcher before there are sessions, beside them, and while they
    /// come back.
    pub(crate) alone: Latencies,
    pub(crate) beside: Latencies,
    pub(crate) storm: Latencies,
    pub(crate) lost: usize,
}

impl Sessions {
    /// Bytes for each session.
    pub(crate) fn each(&self) -> u64 {
        self.after_bytes.saturating_sub(self.before_bytes) / self.count.max(1) as u64
    }
}

/// Opens sessions to a dispatcher that does nothing else, compares its memory, and kills it.
pub(crate) async fn measure(args: &Args) -> anyhow::Result<Sessions> {
    let mut apart = Apart::start(Size { buckets: 1, outputs: 1, agents: 1 }).await?;
    let api = apart.relay.rest()?;
    // Their bucket gets no webhooks.
    let bucket = api.make_bucket("idle", json!({})).await?;
    api.make_output(&bucket, &Destination::refusing()?.url("/"), json!({})).await?;
    let token = api.make_token(json!({})).await?;
    let most = (args.sessions() + 1000).to_string();
    let plan = apart.world.server_around(&apart.relay.nats, "crowd", "dispatcher");
    let mut dispatcher = plan.args(["--log", "warn", "--connections-max", &most]).start().await?;
    let shape = Shape { body_bytes: args.body_bytes, connections: 64, buckets: 1 };
    let alone = apart.traffic.run(RATE, args.span(), &shape).await?;

    let mut crowd = Crowd::new(dispatcher.url(), token, &bucket.name);
    crowd.open(BEFORE).await?;
    let before_bytes = settled(dispatcher.process()).await?;
    crowd.open(args.sessions()).await?;
    let after_bytes = settled(dispatcher.process()).await?;
    let (since, used) = (Instant::now(), dispatcher.process().processor_time()?);
    let beside = apart.traffic.run(RATE, args.span(), &shape).await?;
    let used = dispatcher.process().processor_time()?.saturating_sub(used);
    let idle_share = used.as_secs_f64() / since.elapsed().as_secs_f64();

    let killed = Instant::now();
    let storm = async {
        dispatcher.kill().await?;
        until("no session is open", async || Ok(holds(crowd.is_empty()))).await?;
        dispatcher.start_again().await?;
        let all = BEFORE + args.sessions();
        until_within(BACK_MAX, "all sessions are back", async || Ok(holds(crowd.opened() == all))).await?;
        anyhow::Ok(killed.elapsed())
    };
    let (storm, back_in) = tokio::join!(apart.traffic.run(RATE, args.span(), &shape), storm);
    let (storm, back_in) = (storm?, back_in?);
    let lost = alone.lost + beside.lost + storm.lost;
    let sessions = Sessions {
        count: args.sessions(),
        before_bytes,
        after_bytes,
        idle_share,
        back_in,
        alone: alone.delivered,
        beside: beside.delivered,
        storm: storm.delivered,
        lost,
    };
    say(&format!(
        "{} idle sessions: {} bytes each, back in {:.1} s; live p99 alone {:.2} ms, beside {:.2} ms, meanwhile {:.2} ms, \
         lost {lost}",
        sessions.count,
        sessions.each(),
        back_in.as_secs_f64(),
        ms(&sessions.alone, 0.99),
        ms(&sessions.beside, 0.99),
        ms(&sessions.storm, 0.99)
    ));
    Ok(sessions)
}

/// The memory of a process once it stops moving.
async fn settled(process: &Process) -> anyhow::Result<u64> {
    let mut before = process.resident_bytes()?;
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    looks.tick().await;
    until("memory settles", async || {
        looks.tick().await;
        let now = process.resident_bytes()?;
        let moved = now.abs_diff(before);
        before = now;
        Ok(holds(moved < SETTLED_BYTES))
    })
    .await?;
    Ok(before)
}
