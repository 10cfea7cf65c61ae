//! Large bodies, and many buckets over many streams.

use e2e::{Arrival, Destination, World, story};
use model::fact::Ending;
use serde_json::json;

use crate::straight::{Straight, send};

/// The largest body that is taken, in bytes.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_arrives_and_one_byte_more_is_refused() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let body: Vec<u8> = (0..BODY_BYTES_MAX).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut caller = straight.server.caller();
        assert_eq!(caller.post(straight.bucket.input, &body).await?.status, 200);
        assert_eq!(caller.post(straight.bucket.input, &[&body[..], b"x"].concat()).await?.status, 413);
        let arrival = straight.destination.receives(1).await?.remove(0);
        assert!(arrival.body == body);
        straight.send_through(7).await?;
        assert_eq!(straight.destination.count(), 2);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_wait_for_the_agent_and_keep_their_place() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(0).await?;
        straight.until_sent(1).await?;
        straight.agent.kill().await?;
        let mut caller = straight.server.caller();
        for number in 1..=4_usize {
            let body = [number.to_string().as_bytes(), &vec![b'x'; number * 700_000]].concat();
            assert_eq!(caller.post(straight.bucket.input, &body).await?.status, 200);
        }
        straight.agent.start_again()?;
        let arrivals = straight.destination.receives(5).await?;
        assert_eq!(arrivals.iter().filter_map(Arrival::number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let lengths: Vec<usize> = arrivals[1..].iter().map(|arrival| arrival.body.len()).collect();
        assert_eq!(lengths, [700_001, 1_400_001, 2_100_001, 2_800_001]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_buckets_gets_its_own() {
    const BUCKETS: u64 = 24;
    const EVENTS: u64 = 5;
    story(async |world: &World| {
        let server = world.server("relay").args(["--shards", "4"]).start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let token = api.make_token(json!({})).await?;
        let mut all = Vec::new();
        for number in 0..BUCKETS {
            let bucket = api.make_bucket(&format!("bucket-{number}"), json!({})).await?;
            let destination = Destination::start()?;
            let output = api.make_output(&bucket, &destination.url("/"), json!({})).await?;
            all.push((number * 100, bucket, output, destination));
        }
        let _agent = world.agent("agent").token(&token).server(&server).serves_all().start()?;
        for (first, bucket, ..) in &all {
            send(&server, bucket, *first..first + EVENTS).await?;
        }
        for (first, bucket, output, destination) in &all {
            destination.receives(5).await?;
            log.until_ended(bucket.id, *output, Ending::Sent, 5).await?;
            let numbers: Vec<u64> = destination.arrivals().iter().filter_map(Arrival::number).collect();
            assert_eq!(numbers, (*first..first + EVENTS).collect::<Vec<_>>());
        }
        let shards = log.settings().await?.iter().filter(|stream| stream.name.starts_with("EVENT_")).count();
        assert_eq!(shards, 4);
        Ok(())
    })
    .await;
}
