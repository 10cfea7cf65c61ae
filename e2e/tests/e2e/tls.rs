//! The same straight path over TLS.

use e2e::{Destination, World, story};
use serde_json::json;

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
