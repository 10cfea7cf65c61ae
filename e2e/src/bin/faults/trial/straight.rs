//! What trials stand on: a relay of one process for each role, a bucket, an output, an agent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::nats::Access;
use e2e::wait::{holds, until};
use e2e::{Agent, Arrival, Bucket, Destination, Forwarding, Spread, World};
use model::OutputId;
use model::fact::Ending;

use super::account;
use super::traffic::Traffic;
use crate::account::longest_gap;

/// Everything between a caller and a destination. What is dropped first stands first.
pub(super) struct Straight<N> {
    pub(super) agent: Agent,
    pub(super) destination: Destination,
    pub(super) relay: Spread<N>,
    pub(super) bucket: Bucket,
    pub(super) output: OutputId,
}

impl<N: AsRef<Access>> Straight<N> {
    /// Sets it up around these NATS servers.
    pub(super) async fn around(world: &World, nats: N) -> Result<Self> {
        let relay = world.spread_around(nats).await?;
        let Forwarding { agent, destination, bucket, output } = relay.forward(world).await?;
        Ok(Self { agent, destination, relay, bucket, output })
    }

    /// Begins to send.
    pub(super) fn traffic(&self, pause: Duration) -> Traffic {
        Traffic::start(|| self.relay.caller(), self.bucket.input, pause)
    }

    /// Waits until a webhook that is sent from now on has arrived; returns how long that took.
    ///
    /// # Errors
    /// When none does.
    pub(super) async fn passes(&self, traffic: &Traffic) -> Result<Duration> {
        let (since, next) = (Instant::now(), traffic.next());
        until("a webhook passes", async || {
            let arrivals = self.destination.arrivals();
            Ok(holds(arrivals.iter().rev().filter_map(Arrival::number).any(|number| number >= next)))
        })
        .await?;
        Ok(since.elapsed())
    }

    /// Ends the traffic, waits for what was accepted, and closes the account in words.
    ///
    /// # Errors
    /// When something was lost, or the log does not say of every event that it was sent.
    pub(super) async fn close(self, traffic: Traffic) -> Result<String> {
        let sent = traffic.stop().await?;
        // What is lost shows below, by its numbers.
        let arrived = async || Ok(holds(sent.ledger.is_covered_by(&self.destination.arrivals())));
        let _ = until("everything accepted has arrived", arrived).await;
        let arrivals = self.destination.arrivals();
        let account = account(&sent.ledger.close(&arrivals))?;
        let log = self.relay.log().await?;
        // While a server comes back, a question about its streams may fail.
        let events =
            until("the log says how many there are", async || Ok(log.events(self.bucket.id).await.ok())).await?;
        log.until_ended(self.bucket.id, self.output, Ending::Sent, events).await?;
        let (gap, delay) = (longest_pause(&sent.accepts), longest_delay(&sent.accepts, &arrivals));
        Ok(format!("{account}; at most {gap:.1} s without an accept, at most {delay:.1} s from answer to arrival"))
    }
}

/// The longest time from one accepted webhook to the next, in seconds.
fn longest_pause(accepts: &BTreeMap<u64, Instant>) -> f32 {
    let mut times: Vec<_> = accepts.values().copied().collect();
    times.sort_unstable();
    let ends = times.first().zip(times.last());
    ends.map_or(0.0, |(first, last)| longest_gap(&times, *first, *last).as_secs_f32())
}

/// The longest time from the answer to a webhook to its first arrival, in seconds.
fn longest_delay(accepts: &BTreeMap<u64, Instant>, arrivals: &[Arrival]) -> f32 {
    let mut waiting = accepts.clone();
    let first_arrivals = arrivals.iter().filter_map(|arrival| Some((waiting.remove(&arrival.number()?)?, arrival.at)));
    let delays = first_arrivals.map(|(answered, arrived)| arrived.saturating_duration_since(answered));
    delays.max().unwrap_or_default().as_secs_f32()
}
