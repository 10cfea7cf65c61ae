//! What an output's policy does to its deliveries, from the REST API to the destination.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Arrival, Reply, World, story};

use crate::straight::Straight;

/// An answer with this status that asks to be left alone for so many seconds.
fn busy(status: u16, seconds: u64) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {status} Busy\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

/// Replies to the first attempts like this, and to those after with 200.
fn first(count: usize, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> impl Fn(&Arrival) -> Reply {
    let came = Arc::new(AtomicUsize::new(0));
    move |_| match came.fetch_add(1, Ordering::SeqCst) {
        n if n < count => reply(n),
        _ => Reply::Status(200),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_left_alone_for_as_long_as_it_asks() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.destination.replies(first(1, |_| busy(429, 4)));
        straight.send([1]).await?;
        straight.until_sent(1).await?;
        let arrivals = straight.destination.arrivals();
        assert_eq!(arrivals.len(), 2);
        // The backoff alone would have been a second at most.
        assert!(arrivals[1].at - arrivals[0].at >= Duration::from_secs(3), "{:?}", arrivals[1].at - arrivals[0].at);
        Ok(())
    })
    .await;
}
