//! A cursor at its own front door: what only shows when much time has passed.

use std::time::Duration;

use anyhow::{Context, Result};
use crypto::Secret;
use crypto::key::{MasterKey, MasterKeys};
use e2e::nats::Access;
use e2e::{World, story};
use model::fact::{Ending, Fact};
use model::request::Request;
use model::{BucketId, EventId, GroupId, InputId, OutputId, UnixMs};
use store::cursor::Cursor;
use store::event::{Meta, Target};
use store::fact::CursorKey;
use store::keyring::Scope;
use store::{Options, Store};
use telemetry::Stop;
use uuid::Uuid;

/// How far back a cursor reaches.
const WINDOW: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_known_however_long_nobody_came() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let store = open(nats.access()).await?;
        let bucket = BucketId(Uuid::new_v4());
        store.keyring().ensure(Scope::Bucket(bucket)).await?;
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
    let unheard = cursor.stop_asking().await;
    cursor.release(receipts.into_iter().chain(unheard)).await;
    Ok(events)
}

async fn append(store: &Store, bucket: BucketId) -> Result<EventId> {
    let event = EventId(Uuid::now_v7());
    let to = Target::Bucket { bucket, ephemeral: false };
    store.events().append(to, event, InputId(Uuid::new_v4()), &Meta::default(), &Request::default()).await?;
    Ok(event)
}

async fn open(access: &Access) -> Result<Store> {
    let options = Options {
        credentials: Some((access.user.clone(), Secret::from(access.password.clone()))),
        ..Options::new(access.urls())
    };
    let masters = MasterKeys::new(MasterKey::generate()?, Vec::new());
    let (store, driver) =
        Store::open(options, masters, &Stop::new(), |_| {}).await.context("the store was given up")?;
    tokio::spawn(async move { Box::pin(driver.run(&Stop::new())).await });
    Ok(store)
}
