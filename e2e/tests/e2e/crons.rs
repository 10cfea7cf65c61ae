//! Webhooks by the clock.

use std::time::Duration;

use e2e::wait::{holds, until};
use e2e::{Destination, World, story};
use serde_json::{Value, json};

use crate::public_outputs::ALLOW_LOOPBACK;

#[tokio::test(flavor = "multi_thread")]
async fn a_cron_runs_each_time_once_whoever_runs_it() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let launch = |name: &'static str, roles: &'static str| {
            world.server_around(&nats, name, roles).args(ALLOW_LOOPBACK).launch()
        };
        let (back, other) = tokio::try_join!(launch("back", "auth,dispatcher,api"), launch("other", "api"))?;
        back.until_ready().await?;
        other.until_ready().await?;
        let api = back.api()?;
        until("the first token works", async || {
            Ok(holds(api.request("GET", "/v1/crons", &Value::Null).await?.status == 200))
        })
        .await?;
        let destination = Destination::start()?;
        let every_second = json!({"name": "tick", "schedule": "@every 1s", "method": "PUT", "payload": "tick",
            "headers": {"X-Kind": "cron"}, "destination": destination.url("/tick"), "recurring": true, "enabled": true});
        let tick = api.call("POST", "/v1/crons", &every_second, 201).await?;
        let once = json!({"name": "once", "schedule": "@every 1s", "payload": "once",
            "destination": destination.url("/once"), "recurring": false, "enabled": true});
        api.call("POST", "/v1/crons", &once, 201).await?;

        let of = |path: &str| -> Vec<_> {
            let line = format!(" {path} ");
            destination.arrivals().into_iter().filter(|arrival| arrival.request_line().contains(&line)).collect()
        };
        until("it has run five times", async || Ok(holds(of("/tick").len() >= 5))).await?;
        let ticks = of("/tick");
        assert_eq!(ticks[0].request_line(), "PUT /tick HTTP/1.1");
        assert_eq!((&ticks[0].body[..], ticks[0].header("x-kind").as_deref()), (&b"tick"[..], Some("cron")));
        // Twice as often, if both had run it.
        let took = ticks[4].at - ticks[0].at;
        assert!(took >= Duration::from_secs(3), "{took:?}");
        assert_eq!(of("/once").len(), 1);

        let path = format!("/v1/crons/{}", tick["id"].as_str().unwrap_or_default());
        assert_eq!(tick["bucket"]["cron_id"], tick["id"], "{tick}");
        let gone = api.request("DELETE", &path, &Value::Null).await?;
        assert_eq!((gone.status, gone.body.len()), (204, 0));
        assert_eq!(api.request("GET", &path, &Value::Null).await?.status, 404);
        Ok(())
    })
    .await;
}
