//! Public outputs of several dispatchers: they share them out, and take over from each other.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::process::holds_port;
use e2e::{Arrival, Bucket, Destination, Ledger, Log, Reply, Server, World, story};
use model::OutputId;
use model::fact::Ending;
use serde_json::json;

use crate::straight::send;

/// So many that each dispatcher has some of them, but for one run in two thousand million.
const OUTPUTS: usize = 32;
/// For so long a slow destination thinks: longer than it takes another dispatcher to come.
const SLOW: Duration = Duration::from_secs(8);
/// Each dispatcher of a pair is restarted once.
const RESTARTS: usize = 2;

/// A relay with two dispatchers and nobody else to deliver.
struct Pair {
    dispatchers: [Server; 2],
    outputs: Vec<(OutputId, Destination)>,
    bucket: Bucket,
    log: Log,
    front: Server,
    _nats: e2e::Nats,
}

impl Pair {
    async fn new(world: &World) -> Result<Self> {
        let nats = world.nats().await?;
        let plan = |name: &str, roles: &str| {
            let plan = world.server_around(&nats, name, roles).args(["--allow-private-outputs", "127.0.0.0/8"]);
            // It is looked at which of them holds a connection, which only root sees otherwise.
            plan.env("RELAY_DEBUGGABLE", "1")
        };
        let front = plan("front", "auth,ingress,api").start().await?;
        let dispatchers = [plan("one", "dispatcher").start().await?, plan("other", "dispatcher").start().await?];
        let api = front.api()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let mut outputs = Vec::new();
        for number in 0..OUTPUTS {
            let destination = Destination::start()?;
            let name = json!({"name": format!("output {number}")});
            outputs.push((api.make_public_output(&bucket, &destination.url("/"), name).await?, destination));
        }
        let log = Log::open(nats.access()).await?;
        Ok(Self { dispatchers, outputs, bucket, log, front, _nats: nats })
    }

    async fn send(&self, numbers: impl IntoIterator<Item = u64>) -> Result<Ledger> {
        send(&self.front, &self.bucket, numbers).await
    }

    /// How many outputs each dispatcher has called last: whose connections the destinations know.
    fn shares(&self) -> Result<[usize; 2]> {
        let ids = [self.dispatchers[0].process().id(), self.dispatchers[1].process().id()];
        let mut shares = [0; 2];
        for (_, destination) in &self.outputs {
            let port = destination.arrivals().last().context("nothing has arrived")?.port;
            for (share, id) in shares.iter_mut().zip(ids) {
                *share += usize::from(id.is_some_and(|id| holds_port(id, port)));
            }
        }
        Ok(shares)
    }

    /// Waits until everything up to this number has been sent to every output.
    async fn until_sent(&self, count: u64) -> Result<()> {
        for (output, destination) in &self.outputs {
            destination.receives_number(count).await?;
            self.log.until_ended(self.bucket.id, *output, Ending::Sent, usize::try_from(count)?).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_is_killed_the_other_delivers_everything() {
    story(async |world: &World| {
        let mut pair = Pair::new(world).await?;
        let mut ledger = pair.send(1..=20).await?;
        pair.until_sent(20).await?;
        let shares = pair.shares()?;
        assert!(shares.iter().all(|share| *share > 0), "each has some: {shares:?}");
        ledger.merge(pair.send(21..=30).await?);
        pair.dispatchers[0].kill().await?;
        ledger.merge(pair.send(31..=40).await?);
        pair.until_sent(40).await?;
        for (output, destination) in &pair.outputs {
            let balance = ledger.close(&destination.arrivals());
            assert!(balance.lost.is_empty(), "{output}: {balance}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_each_is_restarted_in_turn_nothing_is_lost_or_doubled() {
    story(async |world: &World| {
        let mut pair = Pair::new(world).await?;
        let mut ledger = pair.send(1..=10).await?;
        for turn in 0..RESTARTS {
            let first = 11 + u64::try_from(turn)? * 20;
            ledger.merge(pair.send(first..first + 10).await?);
            let dispatcher = &mut pair.dispatchers[turn];
            dispatcher.process().terminate()?;
            assert!(dispatcher.process_mut().exit().await?.success());
            ledger.merge(pair.send(first + 10..first + 20).await?);
            pair.until_sent(first + 19).await?;
            pair.dispatchers[turn].start_again().await?;
        }
        for (output, destination) in &pair.outputs {
            // Not always in order: while an output moves, two dispatchers share its cursor.
            let balance = ledger.close(&destination.arrivals());
            assert!(balance.lost.is_empty() && balance.duplicates == 0, "{output}: {balance}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_attempt_of_one_that_stops_is_left_to_it() {
    story(async |world: &World| {
        let mut pair = Pair::new(world).await?;
        for (_, destination) in &pair.outputs {
            let slow = |arrival: &Arrival| arrival.number() == Some(1);
            destination.replies(move |arrival| if slow(arrival) { Reply::Late(SLOW, 200) } else { Reply::Status(200) });
        }
        let mut ledger = pair.send([1]).await?;
        for (_, destination) in &pair.outputs {
            destination.receives_number(1).await?;
        }
        // While its attempts go on, the other takes its outputs.
        pair.dispatchers[0].process().terminate()?;
        ledger.merge(pair.send([2]).await?);
        assert!(pair.dispatchers[0].process_mut().exit().await?.success());
        pair.until_sent(2).await?;
        for (output, destination) in &pair.outputs {
            let balance = ledger.close(&destination.arrivals());
            assert!(balance.lost.is_empty() && balance.duplicates == 0, "{output}: {balance}");
        }
        Ok(())
    })
    .await;
}
