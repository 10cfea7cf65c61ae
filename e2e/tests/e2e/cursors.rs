//! A cursor at its own front door: what only shows when much time has passed.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result};
use crypto::Secret;
use crypto::key::{MasterKey, MasterKeys};
use e2e::nats::Access;
use e2e::nats::cluster::SERVERS;
use e2e::{Cluster, World, story};
use model::fact::{Ending, Fact};
use model::request::Request;
use model::{BucketId, EventId, GroupId, InputId, OutputId, UnixMs};
use store::cursor::{ACK_WAIT, Cursor, Receipt, UNACKED_MAX};
use store::event::{Meta, Target};
use store::fact::CursorKey;
use store::keyring::Scope;
use store::{Options, Store};
use telemetry::Stop;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// How far back a cursor reaches.
const WINDOW: Duration = Duration::from_secs(600);
/// How often one comes to a cursor and leaves it while events come.
const VISITS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_known_however_long_nobody_came() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let (store, bucket) = open(nats.access()).await?;
        let [sent, unsent] = [append(&store, bucket).await?, append(&store, bucket).await?];
        for hours in [0, 1, 24] {
            // A cursor of its own each time: one whose consumer was forgotten meanwhile.
            let output = OutputId(Uuid::new_v4());
            let key = CursorKey { bucket, output, group: GroupId::PUBLIC, ephemeral: false };
            let at = sent.received_at();
            let fact = Fact::DeliveryEnded { event: sent, at, ending: Ending::Sent, reason: None };
            store.facts().append(&key, &[fact]).await?;
            let due = due(&store, key, at.plus(Duration::from_secs(hours * 3600))).await?;
            assert_eq!(due, [unsent], "after {hours} hours");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_to_one_that_leaves_comes_to_another_at_once() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let (store, bucket) = open(nats.access()).await?;
        Box::pin(comes_to_another_at_once(&store, &[&store], bucket)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_what_is_on_its_way_from_another_nats_server() {
    story(async |world: &World| {
        let mut nats = world.cluster().await?;
        let master = MasterKey::generate()?;
        let first = open_on(&mut nats, 0, &master).await?;
        let [second, third] = [open_on(&mut nats, 1, &master).await?, open_on(&mut nats, 2, &master).await?];
        let bucket = bucket(&first).await?;
        Box::pin(comes_to_another_at_once(&first, &[&first, &second, &third], bucket)).await
    })
    .await;
}

/// One that stays at a cursor gets, without a wait for an acknowledgement, what was given to others that came
/// and left.
async fn comes_to_another_at_once(store: &Store, visitors: &[&Store], bucket: BucketId) -> Result<()> {
    let key = CursorKey { bucket, output: OutputId(Uuid::new_v4()), group: GroupId::PUBLIC, ephemeral: false };
    let mut events = vec![append(store, bucket).await?];
    let now = events[0].received_at();
    let mut stays = Cursor::attach(store, key, WINDOW, now, now).await?;
    // Before this no wait for an acknowledgement can be over.
    let waited = Instant::now() + ACK_WAIT;
    let visits = async {
        for visitor in visitors.iter().cycle().take(VISITS) {
            visit(visitor, key, now).await?;
        }
        anyhow::Ok(())
    };
    let appends = async {
        loop {
            match append(store, bucket).await {
                Ok(event) => events.push(event),
                Err(error) => break Err::<Infallible, _>(error),
            }
        }
    };
    tokio::select! {
        visited = visits => visited?,
        Err(error) = appends => return Err(error),
        Err(error) = listen(&mut stays, now) => return Err(error),
    }
    let all = async {
        let mut left: HashSet<_> = events.iter().copied().collect();
        while !left.is_empty() {
            stays.ask(UNACKED_MAX).await?;
            let happened = stays.happens().await;
            let Some(pulled) = stays.take(happened, now).await? else { continue };
            left.remove(&pulled.event);
            if let Some(receipt) = &pulled.receipt {
                stays.acknowledge(receipt).await?;
            }
        }
        anyhow::Ok(())
    };
    timeout_at(waited, all).await.context("an event waited for an acknowledgement that nobody could give")?
}

/// What a cursor that is made anew at this time says is due.
async fn due(store: &Store, key: CursorKey, now: UnixMs) -> Result<Vec<EventId>> {
    let since = now.minus(Duration::from_secs(48 * 3600));
    let mut cursor = Cursor::attach(store, key, WINDOW, since, now).await?;
    cursor.ask_now(10).await?;
    let (mut events, mut receipts) = (Vec::new(), Vec::new());
    while !cursor.is_idle() && !cursor.is_lost() {
        let happened = cursor.happens().await;
        if let Some(pulled) = cursor.take(happened, now).await? {
            events.push(pulled.event);
            receipts.extend(pulled.receipt);
        }
    }
    leave(cursor, receipts).await;
    Ok(events)
}

/// Comes to a cursor, gets something, and leaves it with everything undone.
async fn visit(store: &Store, key: CursorKey, now: UnixMs) -> Result<()> {
    let mut cursor = Cursor::attach(store, key, WINDOW, now, now).await?;
    let mut receipts = Vec::new();
    while receipts.is_empty() {
        cursor.ask(UNACKED_MAX).await?;
        let happened = cursor.happens().await;
        receipts.extend(cursor.take(happened, now).await?.and_then(|pulled| pulled.receipt));
    }
    leave(cursor, receipts).await;
    Ok(())
}

/// Leaves a cursor with everything undone that was given to it.
async fn leave(mut cursor: Cursor, receipts: Vec<Receipt>) {
    cursor.stop_asking().await;
    cursor.release(receipts).await;
}

/// Answers others who ask about a cursor.
async fn listen(cursor: &mut Cursor, now: UnixMs) -> Result<Infallible> {
    loop {
        let happened = cursor.happens().await;
        cursor.take(happened, now).await?;
    }
}

async fn append(store: &Store, bucket: BucketId) -> Result<EventId> {
    let event = EventId(Uuid::now_v7());
    let to = Target::Bucket { bucket, ephemeral: false };
    store.events().append(to, event, InputId(Uuid::new_v4()), &Meta::default(), &Request::default()).await?;
    Ok(event)
}

/// A store that is connected to one of three NATS servers.
async fn open_on(nats: &mut Cluster, number: usize, master: &MasterKey) -> Result<Store> {
    let node = nats.node(number);
    let access = Access { addresses: vec![node.address()], ..node.access().clone() };
    open_with(Options { replicas: SERVERS, ..options(&access) }, master.clone()).await
}

/// A store of its own, with a bucket.
async fn open(access: &Access) -> Result<(Store, BucketId)> {
    let store = open_with(options(access), MasterKey::generate()?).await?;
    let bucket = bucket(&store).await?;
    Ok((store, bucket))
}

fn options(access: &Access) -> Options {
    let credentials = Some((access.user.clone(), Secret::from(access.password.clone())));
    Options { credentials, ..Options::new(access.urls()) }
}

async fn open_with(options: Options, master: MasterKey) -> Result<Store> {
    let masters = MasterKeys::new(master, Vec::new());
    let (store, driver) =
        Store::open(options, masters, &Stop::new(), |_| {}).await.context("the store was given up")?;
    tokio::spawn(async move { Box::pin(driver.run(&Stop::new())).await });
    Ok(store)
}

/// A bucket with its key.
async fn bucket(store: &Store) -> Result<BucketId> {
    let bucket = BucketId(Uuid::new_v4());
    store.keyring().ensure(Scope::Bucket(bucket)).await?;
    Ok(bucket)
}
