//! A server starts, is killed, starts again and stops: what it keeps, and what it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use async_nats::jetstream;
use e2e::process::{naming, send, until_none_names};
use e2e::wait::{holds, until};
use e2e::{Ledger, Server, Token, World, story};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::straight::Straight;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_no_nats_behind_and_loses_nothing() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(0).await?;
        straight.until_sent(1).await?;
        straight.agent.kill().await?;
        let ledger = straight.send(1..=20).await?;
        let buckets = straight.api.call("GET", "/v1/buckets", &Value::Null, 200).await?;
        assert!(!naming(straight.server.data_dir()).is_empty(), "nats-server runs");

        straight.server.kill().await?;
        until_none_names(straight.server.data_dir()).await?;
        straight.server.start_again().await?;
        straight.agent.start_again()?;

        assert_eq!(straight.api.call("GET", "/v1/buckets", &Value::Null, 200).await?, buckets);
        until("everything has arrived", async || Ok(holds(ledger.is_covered_by(&straight.destination.arrivals()))))
            .await?;
        ledger.close(&straight.destination.arrivals()).assert_once_and_in_order();
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_stop_ends_well_and_leaves_nothing() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        straight.until_sent(1).await?;
        straight.server.process().terminate()?;
        let status = straight.server.process_mut().exit().await?;
        assert!(status.success(), "{status}");
        assert_eq!(naming(straight.server.data_dir()), Vec::<u32>::new());
        assert!(straight.agent.process_mut().is_running()?, "the agent waits for a server");

        straight.server.start_again().await?;
        straight.send_through(2).await?;
        assert_eq!(straight.destination.count(), 2);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_that_dies_is_started_again() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        for id in naming(&straight.server.data_dir().join("nats")) {
            if program(id).is_some_and(|program| program.ends_with("nats-server")) {
                send(id, Signal::KILL)?;
            }
        }
        straight.send_through(2).await?;
        Ledger::default().close(&straight.destination.arrivals()).assert_once_and_in_order();
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_is_in_a_file_of_its_owners_alone() {
    story(async |world: &World| {
        let mut server = world.server("relay").start().await?;
        let file = server.data_dir().join("admin.json");
        for private in [&file, &server.data_dir().join("master.key")] {
            assert_eq!(fs::metadata(private)?.permissions().mode() & 0o777, 0o600, "{}", private.display());
        }
        let written: Value = serde_json::from_slice(&fs::read(&file)?)?;
        assert_eq!(written["url"].as_str().map(|url| url.trim_end_matches('/')), Some(server.url().as_str()));
        server.api()?.call("GET", "/v1/buckets", &Value::Null, 200).await?;

        let token = Token::of_admin_file(&file)?;
        server.kill().await?;
        until_none_names(server.data_dir()).await?;
        server.start_again().await?;
        assert_eq!(Token::of_admin_file(&file)?, token, "it stays the same");
        server.api()?.call("GET", "/v1/buckets", &Value::Null, 200).await?;

        fs::remove_file(&file)?;
        server.kill().await?;
        server.launch_again_with("RELAY_TEST", "x")?;
        server.process_mut().says("  admin       made earlier, and not kept here").await?;
        server.kill().await?;
        let secret = uuid::Uuid::new_v4().simple().to_string();
        server.set_plan(server.plan().env("RELAY_ADMIN_SECRET", &secret));
        server.launch_again_with("RELAY_ADMIN_KEY", &uuid::Uuid::new_v4().to_string())?;
        server.until_serving().await?;
        server.api()?.call("GET", "/v1/buckets", &Value::Null, 200).await?;
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_does_not_come_back_once_it_is_deleted() {
    story(async |world: &World| {
        let mut server = world.server("relay").start().await?;
        let file = server.data_dir().join("admin.json");
        let leaked = Token::of_admin_file(&file)?;
        server.api()?.delete_token(&leaked).await?;

        let mut restart = async || {
            server.process().terminate()?;
            server.process_mut().exit().await?;
            server.start_again().await?;
            let answer = server.api()?.with(&leaked).request("GET", "/v1/buckets", &Value::Null).await?;
            assert_eq!(answer.status, 401);
            Token::of_admin_file(&file)
        };
        let next = restart().await?;
        assert!(next.key != leaked.key && next.secret != leaked.secret, "with no token left another one is made");
        assert_eq!(restart().await?, next, "once");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_given_is_used_and_not_written_down() {
    story(async |world: &World| {
        let key = uuid::Uuid::new_v4().to_string();
        let secret = uuid::Uuid::new_v4().simple().to_string();
        let plan = world.server("relay").env("RELAY_ADMIN_KEY", &key).env("RELAY_ADMIN_SECRET", &secret);
        let server = plan.start().await?;
        assert!(!server.data_dir().join("admin.json").exists());
        server.api()?.make_bucket("deploys", json!({})).await?;
        let wrong = server.api()?.with(&Token { key, secret: "wrong".to_owned() });
        assert_eq!(wrong.request("GET", "/v1/buckets", &Value::Null).await?.status, 401);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_files_is_refused() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let second = world.server("relay").launch().await;
        let error = format!("{:#}", second.err().expect("the second one does not start"));
        assert!(error.contains("in use by another relay-server"), "{error}");
        server.until_ready().await
    })
    .await;
}

fn program(id: u32) -> Option<std::path::PathBuf> {
    let command = fs::read(format!("/proc/{id}/cmdline")).ok()?;
    let first = command.split(|byte| *byte == 0).next()?;
    Some(Path::new(&String::from_utf8_lossy(first).into_owned()).to_owned())
}

/// Events would be accepted and never found again.
#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_shards_than_nats_has_is_refused() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let key = straight.server.data_dir().join("master.key");
        let ingress = world.server("ingress").roles("ingress").nats(&straight.server.nats()?);
        let ingress = ingress.env("RELAY_MASTER_KEY_FILE", &key.to_string_lossy()).args(["--shards", "8"]);
        check_shards_are_refused(&ingress.launch().await?, &straight).await?;

        straight.agent.kill().await?;
        straight.send([2]).await?;
        straight.server.kill().await?;
        straight.server.launch_again_with("RELAY_SHARDS", "32")?;
        check_shards_are_refused(&straight.server, &straight).await?;

        // What an earlier version has set up does not say how many there are.
        let context = jetstream::new(straight.server.nats()?.connect().await?);
        let mut keyring = context.get_stream("KV_keyring").await?.cached_info().config.clone();
        keyring.metadata.clear();
        context.update_stream(keyring).await?;
        straight.server.kill().await?;
        straight.server.launch_again_with("RELAY_SHARDS", "4")?;
        check_shards_are_refused(&straight.server, &straight).await?;

        straight.server.kill().await?;
        straight.server.launch_again_with("RELAY_SHARDS", "16")?;
        straight.server.until_serving().await?;
        straight.agent.start_again()?;
        straight.destination.receives_number(2).await?;
        straight.send_through(3).await.map(drop)
    })
    .await;
}

async fn check_shards_are_refused(server: &Server, straight: &Straight) -> anyhow::Result<()> {
    until("it says how many there are", async || Ok(holds(server.is_not_ready_for("spread over 16 shards").await)))
        .await?;
    assert_eq!(server.caller().post(straight.bucket.input, b"x").await?.status, 503);
    assert!(server.process().log()?.contains("--shards is another than this NATS was set up with"));
    Ok(())
}
