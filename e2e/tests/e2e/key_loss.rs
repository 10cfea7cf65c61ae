//! A master key that is missing or wrong is said loudly, and nothing is changed by it.

use anyhow::Result;
use crypto::key::MasterKeys;
use e2e::wait::{holds, until};
use e2e::{Server, World, story};
use serde_json::{Value, json};
use store::keyring::{KeyName, Scope};

use crate::keys::{keyring, master_key, value};
use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn with_another_master_key_a_server_takes_nothing_and_changes_nothing() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let file = straight.server.data_dir().join("master.key");
        let right = std::fs::read_to_string(&file)?;
        let before = all(&straight.server).await?;
        straight.server.kill().await?;

        for wrong in [Some(master_key()?), None] {
            match &wrong {
                Some(wrong) => std::fs::write(&file, wrong)?,
                None => std::fs::remove_file(&file)?,
            }
            straight.server.launch_again_with("RELAY_TEST", "x")?;
            if wrong.is_none() {
                // Without any it does not even start: one that it made could open nothing.
                let status = straight.server.process_mut().exit().await?;
                assert!(!status.success() && straight.server.process().log()?.contains("is missing"));
                assert!(!file.exists());
                break;
            }
            let why = until("it says that the key is another", async || {
                Ok(check(&straight.server, "keys").await?.filter(|check| check["ok"] == false))
            })
            .await?;
            let why = why["why"].to_string();
            assert!(why.contains("system.1") && why.contains("master key") && why.contains("not loaded"), "{why}");
            assert_eq!(straight.server.status("/readyz").await, Some(503));
            assert_eq!(straight.server.status("/livez").await, Some(200));
            for input in [straight.bucket.input, model::InputId(uuid::Uuid::new_v4())] {
                assert_eq!(straight.server.caller().post(input, b"2").await?.status, 503, "not even nobody's");
            }
            assert!(straight.server.process().log()?.contains("the master key is another than that of this store"));
            assert_eq!(all(&straight.server).await?, before, "nothing was overwritten or made");
            straight.server.kill().await?;
        }
        std::fs::write(&file, right)?;
        straight.server.start_again().await?;
        straight.send_through(3).await.map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_whose_key_cannot_be_opened_stands_alone() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let other = straight.api.make_bucket("other", json!({})).await?;
        let post = async |server: &Server, input| anyhow::Ok(server.caller().post(input, b"x").await?.status);
        assert_eq!(post(&straight.server, other.input).await?, 200);
        let name = KeyName { scope: Scope::Bucket(other.id), epoch: 1 };
        let right = value(&keyring(&straight.server.nats()?).await?, name.scope, 1).await?;

        // Damaged: the others go on, and it is said which it is.
        keyring(&straight.server.nats()?).await?.put(name.to_string(), "{}".into()).await?;
        restart(&mut straight.server).await?;
        until("it is ready, and names what is damaged", async || {
            let keys = check(&straight.server, "keys").await?.unwrap_or_default();
            let is_said = keys["ok"] == true && keys["why"].to_string().contains(&name.to_string());
            Ok(holds(is_said && straight.server.status("/readyz").await == Some(200)))
        })
        .await?;
        assert_eq!(post(&straight.server, other.input).await?, 503, "neither taken nor taken for nobody's");
        straight.send_through(2).await?;

        // Under a master key that this server does not have: it was started wrongly, and is not ready.
        let foreign: MasterKeys = master_key()?.parse()?;
        let (_, wrapped) = foreign.wrap_new(&name.scope.to_string(), name.epoch)?;
        let wrapped = serde_json::to_vec(&wrapped)?;
        keyring(&straight.server.nats()?).await?.put(name.to_string(), wrapped.clone().into()).await?;
        until("it is not ready, and names what is missing", async || {
            let keys = check(&straight.server, "keys").await?.unwrap_or_default();
            let why = keys["why"].to_string();
            let is_said = why.contains(&name.to_string()) && why.contains(&foreign.active_id().to_string());
            Ok(holds(is_said && straight.server.status("/readyz").await == Some(503)))
        })
        .await?;
        assert_eq!(post(&straight.server, other.input).await?, 503);
        straight.send_through(3).await?;
        let stored = value(&keyring(&straight.server.nats()?).await?, name.scope, 1).await?;
        assert_eq!(stored, wrapped, "nothing was made in its place");

        // Brought back: everything opens again without a restart.
        keyring(&straight.server.nats()?).await?.put(name.to_string(), right.into()).await?;
        straight.server.until_ready().await?;
        until("its input works again", async || Ok(holds(post(&straight.server, other.input).await? == 200))).await
    })
    .await;
}

async fn restart(server: &mut Server) -> Result<()> {
    server.process().terminate()?;
    server.process_mut().exit().await?;
    server.start_again().await
}

/// One check of `/readyz`; nothing while the server does not answer yet.
pub(crate) async fn check(server: &Server, name: &str) -> Result<Option<Value>> {
    let Ok(answer) = server.get("/readyz").await else { return Ok(None) };
    let report: Value = serde_json::from_slice(&answer.body)?;
    let checks = report["checks"].as_array().cloned().unwrap_or_default();
    Ok(checks.into_iter().find(|check| check["name"] == name))
}

/// Everything in the keyring, in the order in which it was written.
async fn all(server: &Server) -> Result<Vec<(u64, String, Vec<u8>)>> {
    use futures_util::StreamExt;
    let keyring = keyring(&server.nats()?).await?;
    let mut entries = keyring.watch_all_from_revision(1).await?;
    let mut all = Vec::new();
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        all.push((entry.revision, entry.key, entry.value.to_vec()));
        if entry.seen_current {
            break;
        }
    }
    Ok(all)
}
