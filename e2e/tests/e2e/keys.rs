//! Keys are rotated while the relay works, and destroyed with their bucket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream::{self, kv};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crypto::key::{MasterKey, MasterKeys};
use e2e::nats::Access;
use e2e::wait::{holds, until};
use e2e::{Caller, Destination, Ledger, Log, Server, World, keys, story};
use model::{BucketId, InputId, UnixMs};
use serde_json::{Value, json};
use store::keyring::tend::KEEP_SLACK;
use store::keyring::{KeyName, Scope};
use store::{Driver, Store};
use telemetry::Stop;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::plaintext::files_with;
use crate::straight::Straight;

const ALL: &str = "ingress,dispatcher,auth,api";
/// Gives a program another clock; in Debian's package `libfaketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_under_load_and_nothing_is_lost() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let (old, new) = (world.master_key().to_owned(), master_key()?);
        let plan = |name| world.server_around(&nats, name, ALL);
        let mut relay = [plan("one").start().await?, plan("two").start().await?];
        let api = relay[0].api()?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let _agent = world.agent("agent").token(&token).server(&relay[0]).serves("deploys").start()?;
        let load = Load::start(&relay, bucket.input);
        load.passes(&destination).await?;
        let keyring = keyring(nats.access()).await?;
        let first = value(&keyring, Scope::Bucket(bucket.id), 1).await?;

        // The new one everywhere before anything is wrapped under it; then it wraps.
        for masters in [format!("{old},{new}"), format!("{new},{old}")] {
            restart(&mut relay, &masters).await?;
            load.passes(&destination).await?;
        }
        let both = format!("{new},{old}");
        assert_eq!(keys::around(nats.access(), &both, &["status"]).await?.0, Some(1), "the old one is still needed");
        let (code, said) = keys::around(nats.access(), &both, &["rotate"]).await?;
        assert_eq!(code, Some(0), "{said}");
        let (code, said) = keys::around(nats.access(), &both, &["rotate"]).await?;
        assert!(code == Some(0) && said.starts_with("0 data keys wrapped anew"), "{said}");
        load.passes(&destination).await?;
        restart(&mut relay, &new).await?;
        load.passes(&destination).await?;
        let (code, said) = keys::around(nats.access(), &new, &["status"]).await?;
        assert!(code == Some(0) && !said.contains("NOT"), "{said}");
        until("the data key under the old master key is on no disk", async || {
            Ok(holds(files_with(&nats.store(), sealed_part(&first)?.as_bytes()) == Vec::<PathBuf>::new()))
        })
        .await?;

        // The data keys likewise: each server soon seals under the new one.
        let id = bucket.id.to_string();
        let (code, said) = keys::around(nats.access(), &new, &["renew", "--bucket", &id]).await?;
        assert!(code == Some(0) && said.contains(".2\n"), "{said}");
        for server in &relay {
            until("a server seals under the new data key", async || {
                assert_eq!(server.caller().post(bucket.input, b"new").await?.status, 200);
                Ok(holds(last_epoch(nats.access(), bucket.id).await? == Some(2)))
            })
            .await?;
        }
        load.passes(&destination).await?;
        let (ledger, refusals) = load.stop().await?;
        until("everything that was accepted has arrived", async || {
            Ok(holds(ledger.is_covered_by(&destination.arrivals())))
        })
        .await?;
        let balance = ledger.close(&destination.arrivals());
        e2e::report::say(&format!("both keys rotated under load: {balance}; refused by all: {refusals:?}"));
        assert!(balance.lost.is_empty() && refusals.is_empty(), "{balance}; {refusals:?}");

        // What was sealed before still opens.
        let logs = api.call("GET", "/v1/logs?bucket=deploys&limit=1&order=asc", &Value::Null, 200).await?;
        let oldest = logs["data"][0]["id"].as_str().context("no log")?.to_owned();
        let shown = api.call("GET", &format!("/v1/logs/{oldest}"), &Value::Null, 200).await?;
        assert!(shown["body"].is_string(), "{shown}");
        for server in &relay {
            let log = server.process().log()?;
            for word in ["cannot be opened", "left out", "cannot be unwrapped"] {
                assert!(!log.contains(word), "{word}: {log}");
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_keys_of_a_deleted_bucket_are_on_no_disk() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let access = straight.server.nats()?;
        let keyring = keyring(&access).await?;
        let wrapped = value(&keyring, Scope::Bucket(straight.bucket.id), 1).await?;
        let needle = sealed_part(&wrapped)?;
        let found = || files_with(straight.server.data_dir(), needle.as_bytes());
        assert!(!found().is_empty(), "the search finds it while it is there");

        let path = format!("/v1/buckets/{}?force=true", straight.bucket.id);
        straight.api.call("DELETE", &path, &Value::Null, 200).await?;
        until("the wrapped key is in no file", async || Ok(holds(found().is_empty()))).await?;
        let (code, said) = keys::beside(&straight.server, &["status"]).await?;
        assert!(code == Some(0) && said.contains("wraps               2"), "those of the system are left: {said}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_key_is_destroyed_once_nothing_needs_it() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        straight.server.api()?.call("GET", "/v1/buckets", &Value::Null, 200).await?;
        let scope = Scope::Bucket(straight.bucket.id);
        let access = straight.server.nats()?;
        let masters = std::fs::read_to_string(straight.server.data_dir().join("master.key"))?;
        let store = open(&access, masters.parse()?).await?;
        store.directory().loaded().await;
        let (made, day) = (UnixMs::from(std::time::SystemTime::now()), Duration::from_secs(24 * 3600));
        let later = made.plus(day * 100);

        let early = store.tend(Some(day * 90), made).await?;
        assert!(early.made.is_empty() && early.destroyed.is_empty(), "{early:?}");
        assert_eq!(store.tend(Some(day * 90), later).await?.made, [KeyName { scope, epoch: 2 }]);
        until("the server seals under the new key", async || {
            straight.send_through(2).await?;
            Ok(holds(last_epoch(&access, straight.bucket.id).await? == Some(2)))
        })
        .await?;
        // Its records are sealed again at once, and the key stays for what is in the log.
        until("it is kept", async || Ok(holds(store.tend(None, made).await?.destroyed.is_empty()))).await?;
        let kept_for = day * 7 + KEEP_SLACK + day;
        until("it is destroyed", async || {
            Ok(holds(store.tend(None, made.plus(kept_for)).await?.destroyed == [KeyName { scope, epoch: 1 }]))
        })
        .await?;
        let shown = straight.api.call("GET", &format!("/v1/buckets/{}", straight.bucket.id), &Value::Null, 200).await?;
        assert_eq!(shown["name"], "deploys");
        straight.send_through(3).await.map(drop)
    })
    .await;
}

/// As when the watch of the keyring is late: the process that deletes a bucket has not heard that its key
/// was followed by another.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_key_that_was_made_a_moment_ago_is_destroyed_with_the_others() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let (code, said) = keys::beside(&server, &["renew", "--bucket", &bucket.id.to_string()]).await?;
        assert!(code == Some(0) && said.contains(".2\n"), "{said}");
        let masters = std::fs::read_to_string(server.data_dir().join("master.key"))?;
        let (store, _not_driven) = open_alone(&server.nats()?, masters.parse()?).await?;
        let (keyring, scope) = (keyring(&server.nats()?).await?, Scope::Bucket(bucket.id));
        for epoch in [1, 2] {
            value(&keyring, scope, epoch).await?;
        }
        store.keyring().destroy(scope).await?;
        for epoch in [1, 2] {
            assert_eq!(keyring.get(KeyName { scope, epoch }.to_string()).await?, None);
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_ahead_destroys_no_data_key() {
    if !Path::new(FAKETIME).exists() {
        e2e::report::say("libfaketime is not installed; clocks that are ahead were not tried");
        return;
    }
    story(async |world: &World| {
        let mut server = world.server("relay").env("RELAY_LOG", "info,store=debug").start().await?;
        let bucket = server.api()?.make_bucket("deploys", json!({})).await?;
        let (code, said) = keys::beside(&server, &["renew", "--bucket", &bucket.id.to_string()]).await?;
        assert!(code == Some(0) && said.contains(".2\n"), "{said}");
        server.kill().await?;
        let ahead = server.plan().env("LD_PRELOAD", FAKETIME).env("FAKETIME", "+30d");
        server.set_plan(ahead.env("FAKETIME_DONT_FAKE_MONOTONIC", "1"));
        server.start_again().await?;
        until("the keys were looked through", async || {
            let log = server.process().log()?;
            Ok(holds(["the data keys need nothing", "the data keys were tended"].iter().any(|said| log.contains(said))))
        })
        .await?;
        let keyring = keyring(&server.nats()?).await?;
        value(&keyring, Scope::Bucket(bucket.id), 1).await.map(drop)
    })
    .await;
}

/// One sender that asks the other server where one does not take a webhook, as a load balancer does.
struct Load {
    next: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
    sender: JoinHandle<(Ledger, Vec<Option<u16>>)>,
}

impl Load {
    fn start(relay: &[Server], input: InputId) -> Self {
        let (next, stop) = (Arc::new(AtomicU64::new(1)), watch::Sender::new(false));
        let callers = relay.iter().map(Server::caller).collect();
        let sender = tokio::spawn(keep_sending(callers, input, Arc::clone(&next), stop.subscribe()));
        Self { next, stop, sender }
    }

    /// Waits until something that is sent from now on has arrived.
    async fn passes(&self, destination: &Destination) -> Result<()> {
        let number = self.next.load(Ordering::Relaxed) + 1;
        destination.receives_number(number).await.map(drop)
    }

    /// What was accepted, and what was answered where no server took it.
    async fn stop(self) -> Result<(Ledger, Vec<Option<u16>>)> {
        self.stop.send_replace(true);
        Ok(self.sender.await?)
    }
}

async fn keep_sending(
    mut callers: Vec<Caller>,
    input: InputId,
    next: Arc<AtomicU64>,
    stop: watch::Receiver<bool>,
) -> (Ledger, Vec<Option<u16>>) {
    let (mut ledger, mut refusals) = (Ledger::default(), Vec::new());
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        beat.tick().await;
        let number = next.fetch_add(1, Ordering::Relaxed);
        callers.rotate_left(1);
        let mut said = Vec::new();
        for caller in &mut callers {
            let status = caller.post_number(input, number).await;
            ledger.note(number, status);
            if status == Some(200) {
                said.clear();
                break;
            }
            said.push(status);
        }
        refusals.extend(said);
    }
    (ledger, refusals)
}

/// Restarts the servers one after the other, as a rolling update does.
async fn restart(relay: &mut [Server], masters: &str) -> Result<()> {
    for server in relay {
        server.process().terminate()?;
        let status = server.process_mut().exit().await?;
        assert!(status.success(), "{status}");
        server.launch_again_with("RELAY_MASTER_KEY", masters)?;
        until("it serves again", async || Ok(holds(server.status("/readyz").await == Some(200)))).await?;
    }
    Ok(())
}

pub(crate) fn master_key() -> Result<String> {
    Ok(MasterKey::generate()?.to_base64().expose().to_owned())
}

/// The stored data keys.
pub(crate) async fn keyring(access: &Access) -> Result<kv::Store> {
    Ok(jetstream::new(access.connect().await?).get_key_value("keyring").await?)
}

pub(crate) async fn value(keyring: &kv::Store, scope: Scope, epoch: u32) -> Result<Vec<u8>> {
    let name = KeyName { scope, epoch };
    let value = keyring.get(name.to_string()).await?.with_context(|| format!("there is no {name}"))?;
    Ok(value.to_vec())
}

/// What of a stored data key stands nowhere by chance.
fn sealed_part(wrapped: &[u8]) -> Result<String> {
    let json: Value = serde_json::from_slice(wrapped)?;
    let sealed = json["sealed"].as_str().context("no field sealed")?;
    anyhow::ensure!(BASE64_STANDARD.decode(sealed)?.len() > 32);
    Ok(sealed.to_owned())
}

/// The epoch of the key that a bucket's last event is sealed under.
async fn last_epoch(access: &Access, bucket: BucketId) -> Result<Option<u32>> {
    let last = Log::open(access).await?.last_event(bucket).await?;
    Ok(last.map(|message| crypto::seal::epoch_of(&message.payload)).transpose()?)
}

/// A process of the test's own around the same NATS.
pub(crate) async fn open(access: &Access, masters: MasterKeys) -> Result<Store> {
    let (store, driver) = open_alone(access, masters).await?;
    tokio::spawn(async move { Box::pin(driver.run(&Stop::new())).await });
    Ok(store)
}

/// One that hears of nothing while it is not driven.
async fn open_alone(access: &Access, masters: MasterKeys) -> Result<(Store, Driver)> {
    let user = (access.user.clone(), access.password.clone().into());
    let options = store::Options {
        credentials: Some(user),
        client_name: format!("test-{}", Uuid::new_v4().simple()),
        provision: false,
        ..store::Options::new(access.urls())
    };
    Store::open(options, masters, &Stop::new(), |_| {}).await.context("given up")
}
