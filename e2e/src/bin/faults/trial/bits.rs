//! A bit flips in an event that one of three nats-servers keeps, while that server is stopped. The
//! others have the event unharmed. It is told what is delivered, and what is when the server's store
//! has been removed; the trial fails only when something outside the damaged block is lost, or
//! anything arrives that is not what was sent.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::nats::blocks::{self, Block};
use e2e::nats::cluster::SERVERS;
use e2e::wait::{holds, until_within};
use e2e::{Arrival, Cluster, World};

use super::straight::Straight;

/// What is sent while the agent is away: enough for several blocks of 8 MiB.
const WAITING: std::ops::RangeInclusive<u64> = 1..=21;
/// What is sent before that, and when the agent is back.
const BEFORE: u64 = 0;
const AFTER: u64 = 22;
/// The size of a body, in bytes: nearly the largest that is kept in one piece.
const BODY_BYTES: usize = 900 * 1024;
/// How long what did not come before the one that was sent last may take: longer than a retry does.
const LATE: Duration = Duration::from_secs(10);
/// How long a cursor may take to be made again.
const MADE_AGAIN: Duration = Duration::from_secs(60);

/// How often it is tried: a cursor whose server is away may be made again on another.
const TRIES: usize = 4;

/// Where the damaged copy is when the agent comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Aside,
    Leader,
    Cursor,
}

/// How the server was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Asked to: it writes the index of its blocks.
    Clean,
    /// Killed, without an index.
    Killed,
}

/// What came of one.
struct Flipped {
    /// How many did not come.
    missing: usize,
    /// How many events each server could read then, the damaged one first.
    readable: [usize; SERVERS],
    /// How many had not come either when the store of the damaged server had been removed.
    lost: usize,
    /// How long that took.
    mended: Duration,
}

pub(super) async fn of_three() -> Result<String> {
    let mut said = Vec::new();
    for place in [Place::Aside, Place::Leader, Place::Cursor] {
        for stop in [Stop::Clean, Stop::Killed] {
            let what = format!("{}, {}", place.text(), stop.text());
            let flipped = Box::pin(flip_until_seen(place, stop)).await.with_context(|| what.clone())?;
            said.push(format!("{what}: {}", flipped.text()));
        }
    }
    Ok(said.join("; "))
}

/// Flips, and again when that did not show what was to be seen.
async fn flip_until_seen(place: Place, stop: Stop) -> Result<Flipped> {
    for _ in 0..TRIES {
        if let Some(flipped) = Box::pin(flip(place, stop)).await? {
            return Ok(flipped);
        }
    }
    bail!("{TRIES} times the cursor left the server that was stopped")
}

/// Flips a bit; `None` when the cursor is on another server afterwards.
async fn flip(place: Place, stop: Stop) -> Result<Option<Flipped>> {
    let world = World::new()?;
    let mut straight = Straight::around(&world, world.cluster().await?).await?;
    send(&straight, BEFORE).await?;
    straight.destination.receives_number(BEFORE).await?;
    straight.agent.kill().await?;
    for number in WAITING {
        send(&straight, number).await?;
    }
    straight.relay.nats.until_current().await?;
    let cursor = straight.relay.nats.server_of_cursor(straight.output).await?;
    let other = (cursor + 1) % SERVERS;
    let (victim, leader) = match place {
        Place::Aside => (other, cursor),
        Place::Leader => (other, other),
        Place::Cursor => (cursor, other),
    };
    straight.relay.nats.lead(leader).await?;
    let damaged = damage(&mut straight, victim, stop).await?;
    straight.relay.nats.lead(leader).await?;

    straight.agent.start_again()?;
    send(&straight, AFTER).await?;
    straight.destination.receives_number(AFTER).await?;
    let not_come = missing_after(&straight, LATE).await;
    ensure!(not_come.is_subset(&damaged), "{not_come:?} did not come, and {damaged:?} are in the damaged block");
    if straight.relay.nats.server_of_cursor(straight.output).await? != cursor {
        return Ok(None);
    }
    let mut readable = [0; SERVERS];
    for (after, events) in readable.iter_mut().enumerate() {
        straight.relay.nats.lead((victim + after) % SERVERS).await?;
        *events = straight.relay.log().await?.readable_events(straight.bucket.id).await?;
    }

    // What operators are told to do with a server whose store may be damaged.
    let removed = Instant::now();
    let node = straight.relay.nats.node(victim);
    node.kill().await?;
    node.wipe()?;
    node.start_again().await?;
    straight.relay.nats.until_current().await?;
    let lost = missing_after(&straight, MADE_AGAIN).await;
    let mended = removed.elapsed();
    for arrival in straight.destination.arrivals() {
        let number = arrival.number().context("an arrival has no number")?;
        ensure!(arrival.body == body(number), "webhook {number} is not what was sent");
    }
    Ok(Some(Flipped { missing: not_come.len(), readable, lost: lost.len(), mended }))
}

/// Stops a server, flips a bit in the middle of the block in the middle, and starts it again; returns
/// the numbers in that block.
async fn damage(straight: &mut Straight<Cluster>, victim: usize, stop: Stop) -> Result<BTreeSet<u64>> {
    let node = straight.relay.nats.node(victim);
    match stop {
        Stop::Clean => {
            node.process().terminate()?;
            node.process_mut().exit().await?;
        }
        Stop::Killed => node.kill().await?,
    }
    let blocks = blocks::of_bucket(&node.store(), straight.bucket.id)?;
    let sizes: Vec<usize> = blocks.iter().map(Block::events).collect();
    // Each webhook was accepted before the next: they lie in the order of their numbers.
    ensure!(sizes.iter().sum::<usize>() == WAITING.count() + 1, "the blocks have {sizes:?} events");
    let middle = blocks.len() / 2;
    blocks[middle].flip()?;
    if stop == Stop::Killed {
        blocks[middle].lose_index()?;
    }
    node.start_again().await?;
    straight.relay.nats.until_current().await?;
    let before: usize = sizes[..middle].iter().sum();
    Ok((BEFORE..).skip(before).take(sizes[middle]).collect())
}

/// What has not come after so long, of what was sent while the agent was away.
async fn missing_after(straight: &Straight<Cluster>, span: Duration) -> BTreeSet<u64> {
    let missing = || -> BTreeSet<u64> {
        let came: BTreeSet<_> = straight.destination.arrivals().iter().filter_map(Arrival::number).collect();
        WAITING.filter(|number| !came.contains(number)).collect()
    };
    // What does not come is returned.
    let _ = until_within(span, "everything comes", async || Ok(holds(missing().is_empty()))).await;
    missing()
}

/// Sends a webhook, which must be accepted.
async fn send(straight: &Straight<Cluster>, number: u64) -> Result<()> {
    let answer = straight.relay.caller().post(straight.bucket.input, &body(number)).await?;
    ensure!(answer.status == 200, "webhook {number} was answered {}", answer.status);
    Ok(())
}

/// A body that begins with its number.
fn body(number: u64) -> Vec<u8> {
    let mut body = format!("{number} ").into_bytes();
    if WAITING.contains(&number) {
        body.resize(BODY_BYTES, b'x');
    }
    body
}

impl Flipped {
    fn text(&self) -> String {
        let Self { missing, readable: [damaged, others @ ..], lost, mended } = self;
        let (sent, whole) = (WAITING.count(), AFTER + 1);
        let text =
            format!("{missing} of {sent} did not come, its copy has {damaged} of {whole}, the others {others:?}");
        let mended = mended.as_secs_f32();
        match (missing, lost) {
            (0, _) => text,
            (_, 0) => format!("{text}; its store removed, all had come after {mended:.1} s"),
            (_, lost) => format!("{text}; its store removed, {lost} had not come after {mended:.1} s"),
        }
    }
}

impl Place {
    fn text(self) -> &'static str {
        match self {
            Self::Aside => "on a server that neither leads nor has the cursor",
            Self::Leader => "on the one that leads every stream",
            Self::Cursor => "on the one that has the cursor",
        }
    }
}

impl Stop {
    fn text(self) -> &'static str {
        match self {
            Self::Clean => "stopped cleanly",
            Self::Killed => "killed",
        }
    }
}
