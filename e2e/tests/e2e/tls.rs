//! The same straight path over TLS.

use std::path::Path;

use e2e::http::{Trust, certificate};
use e2e::wait::{holds, until};
use e2e::{Destination, Process, World, programs, story};
use serde_json::json;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn callers_agents_and_rest_over_tls() {
    story(async |world: &World| {
        let server = world.server("relay").tls().start().await?;
        let api = server.api()?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let _agent = world.agent("agent").token(&token).server(&server).serves("deploys").start()?;
        assert_eq!(server.caller().post(bucket.input, b"1").await?.status, 200);
        let arrival = destination.receives(1).await?.remove(0);
        assert_eq!(arrival.header("X-Forwarded-Proto").as_deref(), Some("https"));
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_the_authority_is_not_connected() {
    story(async |world: &World| {
        let server = world.server("relay").tls().start().await?;
        let token = server.api()?.token().clone();
        let url = server.url();
        let stranger = world.agent("stranger").token(&token).env("RELAY_API_ADDRESS", &url).args(["bucket", "ls"]);
        let known = world.agent("known").token(&token).server(&server).args(["bucket", "ls"]);
        assert!(!stranger.start()?.process_mut().exit().await?.success());
        assert!(known.start()?.process_mut().exit().await?.success());
        Ok(())
    })
    .await;
}

/// Makes the certificates `own`, for this machine, and `hooks`, for a domain, except those there.
async fn make_certs(world: &World, dir: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(programs::of_workspace("relay-server")?);
    command.arg("make-certs").arg("--dir").arg(dir);
    command.args(["--name", "own=127.0.0.1", "--name", "hooks=hooks.example.com"]);
    assert!(Process::start("make-certs", command, &world.logs())?.exit().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_has_its_certificate_and_files_that_change_are_read_again() {
    story(async |world: &World| {
        let dir = world.dir().join("certs");
        make_certs(world, &dir).await?;
        let server = world.server("relay").tls_files(&dir, &["own", "hooks"]).start().await?;
        let trust = Trust::file(&dir.join("ca.pem"))?;
        let shown = async |host: &str| certificate(server.address(), host, &trust).await;
        let (own, hooks) = (shown("127.0.0.1").await?, shown("hooks.example.com").await?);
        assert_ne!(own, hooks);
        assert!(shown("other.example.com").await.is_err(), "the first one is shown, which is for another name");

        // A key that does not belong to its certificate changes nothing.
        std::fs::copy(dir.join("own.key"), dir.join("hooks.key"))?;
        let log = || server.process().last_words();
        until("it is told", async || Ok(holds(log().contains("serving those from before")))).await?;
        assert_eq!(shown("hooks.example.com").await?, hooks);

        // One that was made anew is shown.
        make_certs(world, &dir).await?;
        until("the new one is shown", async || Ok(holds(shown("hooks.example.com").await? != hooks))).await?;
        assert_eq!(shown("127.0.0.1").await?, own);
        Ok(())
    })
    .await;
}
