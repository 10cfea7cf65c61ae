//! A bit of an event flips on the disk. JetStream finds it by its checksum: what that takes away is
//! said here, and nothing is ever delivered that is not what was sent.

use anyhow::{Context, Result, bail};
use e2e::nats::blocks::{self, Block};
use e2e::report::say;
use e2e::{World, story};

use crate::straight::Straight;

/// What is sent while the agent is away.
const WAITING: std::ops::RangeInclusive<u64> = 2..=11;
/// What is sent when it is back.
const AFTER: u64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_takes_its_event_away_and_no_other() {
    story(async |world: &World| {
        let came = flip(world, |_| Ok(())).await?;
        assert_eq!(came.len() + 1, WAITING.count(), "{came:?}");
        say(&format!("a bit flipped in one of {} events: {} came, in order", WAITING.count(), came.len()));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_index_that_a_clean_stop_leaves_it_takes_what_follows_in_its_block_too() {
    story(async |world: &World| {
        let came = flip(world, Block::lose_index).await?;
        let first: Vec<_> = WAITING.take(came.len()).collect();
        assert_eq!(came, first, "those before it");
        assert!(came.len() < WAITING.count());
        say(&format!("without the index: {} of {} came, in order", came.len(), WAITING.count()));
        Ok(())
    })
    .await;
}

/// Flips a bit in the middle of what waits for the agent, and does something to its block; returns
/// the numbers that came all the same, in their order. Afterwards everything works.
async fn flip(world: &World, harm: impl Fn(&Block) -> Result<()>) -> Result<Vec<u64>> {
    let mut straight = Straight::new(world).await?;
    straight.send_through(1).await?;
    straight.until_sent(1).await?;
    straight.agent.kill().await?;
    straight.send(WAITING).await?;
    straight.server.process_mut().terminate()?;
    straight.server.process_mut().exit().await?;

    let blocks = blocks::of_bucket(&world.dir().join("relay/nats/store"), straight.bucket.id)?;
    let [block] = blocks.as_slice() else { bail!("{} blocks", blocks.len()) };
    block.flip()?;
    harm(block)?;

    straight.server.start_again().await?;
    straight.agent.start_again()?;
    straight.send_through(AFTER).await?;
    let arrivals = straight.destination.take();
    for arrival in &arrivals {
        assert_eq!(arrival.body, arrival.number().context("no number")?.to_string().as_bytes());
    }
    let numbers: Vec<_> = arrivals.iter().filter_map(|arrival| arrival.number()).collect();
    assert!(numbers.is_sorted_by(|before, after| before < after), "in order, once: {numbers:?}");
    Ok(numbers.into_iter().filter(|number| WAITING.contains(number)).collect())
}
