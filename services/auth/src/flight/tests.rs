//! The same secret waits, another does not, and nothing is left behind.

use crypto::Secret;
use crypto::fingerprint::Fingerprinter;
use futures_util::FutureExt;

use super::*;

fn secrets() -> (Fingerprint, Fingerprint) {
    let fingerprinter = Fingerprinter::new().unwrap();
    let of = |text: &str| fingerprinter.fingerprint("key", &Secret::from(text.to_owned())).unwrap();
    (of("one"), of("other"))
}

#[tokio::test]
async fn the_same_secret_waits_and_another_does_not() {
    let (one, other) = secrets();
    let flights = Flights::default();
    let first = flights.enter(one).await.unwrap();
    let mut second = Box::pin(flights.enter(one));
    assert!(second.as_mut().now_or_never().is_none());
    drop(flights.enter(other).await.unwrap());
    drop(first);
    drop(second.await.unwrap());
    assert!(flights.doors().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_and_leaves_nothing_behind() {
    let (one, _) = secrets();
    let flights = Flights::default();
    let first = flights.enter(one).await.unwrap();
    assert_eq!(flights.enter(one).await.err(), Some(Busy));
    drop(first);
    assert!(flights.doors().is_empty());
}
