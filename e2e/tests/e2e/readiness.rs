//! `/readyz` says what is so, and `/livez` only that the process runs.

use anyhow::Result;
use e2e::wait::until;
use e2e::{Server, World, story};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_nats_lives_and_says_why_it_is_not_ready() {
    story(async |world: &World| {
        let mut relay = world.spread().await?;
        for server in [&relay.auth, &relay.ingress, &relay.dispatcher, &relay.api] {
            let report = report(server).await?;
            assert_eq!((report["ready"].as_bool(), report["durability"].as_str()), (Some(true), Some("unknown")));
            let expected = ["nats", "directory", "canary"];
            assert!(expected.iter().all(|name| check(&report, name)["ok"] == true), "{report}");
        }
        // Only the role that NATS lets ask for it knows of the quota, and of copies.
        for name in ["quota", "copies"] {
            assert_eq!(check(&report(&relay.auth).await?, name)["ok"], true);
            assert!(check(&report(&relay.ingress).await?, name).is_null());
        }

        relay.nats.kill().await?;
        for server in [&relay.auth, &relay.ingress, &relay.dispatcher, &relay.api] {
            let report = until("it says why", async || {
                let report = report(server).await?;
                Ok(Some(report).filter(|report| report["ready"] == false))
            })
            .await?;
            assert_eq!(check(&report, "nats")["why"], "not connected", "{report}");
            assert_eq!(server.status("/readyz").await, Some(503));
            assert_eq!(server.status("/livez").await, Some(200), "nobody should restart it");
        }
        relay.nats.start_again().await?;
        for server in [&relay.auth, &relay.ingress, &relay.dispatcher, &relay.api] {
            server.until_ready().await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_nats_of_its_own_looks_after_its_disk() {
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let report = report(&server).await?;
        assert_eq!(report["durability"], "always");
        // How full this machine's disk is, is not for the test to say; that it warns at most is.
        let space = check(&report, "space");
        assert!(space["ok"] == true || space["warning"] == true, "{report}");
        assert_eq!(report["ready"], true, "{report}");
        Ok(())
    })
    .await;
}

async fn report(server: &Server) -> Result<Value> {
    let mut connection = server.connect().await?;
    connection
        .send(format!("GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address()).as_bytes())
        .await?;
    Ok(serde_json::from_slice(&connection.answer("GET").await?.body)?)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    checks.iter().find(|check| check["name"] == name).unwrap_or(&Value::Null)
}
