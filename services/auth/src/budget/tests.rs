//! Turns are bounded, places are bounded, and some places are kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

fn workers(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

async fn run<T: Send + 'static>(
    budget: &Budget,
    asker: Asker,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Busy> {
    budget.run(budget.place(asker)?, work).await
}

/// Starts as many pieces of work as `count` that wait until the returned sender is dropped.
fn hold(budget: &Budget, asker: Asker, count: usize) -> (mpsc::Sender<()>, Vec<task::JoinHandle<Result<(), Busy>>>) {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(std::sync::Mutex::new(gate));
    let held = (0..count)
        .map(|_| {
            let (budget, gate) = (budget.clone(), Arc::clone(&gate));
            let wait = move || assert!(gate.lock().unwrap().recv().is_err());
            task::spawn(async move { run(&budget, asker, wait).await })
        })
        .collect();
    (open, held)
}

async fn all_placed(budget: &Budget, free: usize) {
    while budget.places.available_permits() != free {
        task::yield_now().await;
    }
}

#[tokio::test]
async fn runs_at_most_as_many_as_there_are_workers() {
    let budget = Budget::new(workers(2));
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let work = (0..40).map(|_| {
        let (budget, running, most) = (budget.clone(), Arc::clone(&running), Arc::clone(&most));
        task::spawn(async move {
            let count = move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            };
            run(&budget, Asker::Stranger, count).await
        })
    });
    for done in work.collect::<Vec<_>>() {
        assert_eq!(done.await.unwrap(), Ok(()));
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn strangers_fill_their_places_and_no_more() {
    let budget = Budget::new(workers(1));
    let (open, held) = hold(&budget, Asker::Stranger, 1 + QUEUE_MAX - QUEUE_RESERVED);
    all_placed(&budget, QUEUE_RESERVED).await;
    assert_eq!(run(&budget, Asker::Stranger, || ()).await, Err(Busy));

    let (open_known, held_known) = hold(&budget, Asker::Known, QUEUE_RESERVED);
    all_placed(&budget, 0).await;
    assert_eq!(run(&budget, Asker::Known, || ()).await, Err(Busy));

    drop((open, open_known));
    for done in held.into_iter().chain(held_known) {
        assert_eq!(done.await.unwrap(), Ok(()));
    }
    assert_eq!(run(&budget, Asker::Stranger, || 5).await, Ok(5));
}

#[tokio::test]
async fn a_caller_that_left_keeps_its_turn_until_the_work_has_ended() {
    let budget = Budget::new(workers(1));
    let (open, held) = hold(&budget, Asker::Stranger, 1);
    while budget.turns.available_permits() != 0 {
        task::yield_now().await;
    }
    held[0].abort();
    assert!(held.into_iter().next().unwrap().await.unwrap_err().is_cancelled());
    assert_eq!(budget.turns.available_permits(), 0);
    drop(open);
    assert_eq!(run(&budget, Asker::Stranger, || 7).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_limit() {
    let budget = Budget::new(workers(1));
    let turn = Arc::clone(&budget.turns).acquire_owned().await.unwrap();
    let start = time::Instant::now();
    assert_eq!(run(&budget, Asker::Known, || ()).await, Err(Busy));
    assert_eq!(start.elapsed(), WAIT_MAX);
    drop(turn);
    assert_eq!(budget.places.available_permits(), 1 + QUEUE_MAX);
}
