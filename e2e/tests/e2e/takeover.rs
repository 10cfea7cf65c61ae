//! What a dispatcher had in hand when it vanished goes to one that is left, before the acknowledgement wait is over.

use e2e::process::holds_port;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Destination, Log, Reply, World, story};
use model::fact::Ending;
use serde_json::json;

use crate::metrics::{free_address, metrics, value};
use crate::straight::send;

/// How many webhooks are sent while one of two dispatchers only gets them.
const SENT: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dispatcher_had_that_was_killed_goes_to_another_without_an_acknowledgement_wait() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let front = world.server_around(&nats, "front", "auth,ingress,api").start().await?;
        let (_reserved, address) = free_address()?;
        let mut doomed = world.server_around(&nats, "doomed", "dispatcher").start().await?;
        let other = world.server_around(&nats, "other", "dispatcher").args(["--metrics-addr", &address.to_string()]);
        let other = other.start().await?;
        let (api, destination) = (front.api()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = |name: &str, dispatcher| {
            world.agent(name).token(&token).servers(dispatcher, &front).serves("deploys").start()
        };
        let (mut first, second) = (agent("first", &doomed)?, agent("second", &other)?);

        let mut last = 0;
        let made_by = |id: Option<u32>, port| id.is_some_and(|id| holds_port(id, port));
        until("each has delivered something", async || {
            last += 1;
            send(&front, &bucket, [last]).await?;
            destination.receives_number(last).await?;
            let ports: Vec<u16> = destination.arrivals().iter().map(|arrival| arrival.port).collect();
            let has = |id| ports.iter().any(|port| made_by(id, *port));
            Ok(holds(has(first.process().id()) && has(second.process().id())))
        })
        .await?;

        // What the first agent brings from now on is never answered.
        let doomed_id = first.process().id();
        destination.replies(move |arrival| match made_by(doomed_id, arrival.port) {
            true => Reply::Silence,
            false => Reply::Status(200),
        });
        send(&front, &bucket, last + 1..=last + SENT).await?;
        let brought = |by: Option<u32>| {
            let arrivals = destination.arrivals().into_iter().filter(move |arrival| made_by(by, arrival.port));
            arrivals.filter_map(|arrival| arrival.number()).filter(|number| *number > last).collect::<Vec<_>>()
        };
        until("the first has something in hand", async || Ok(holds(!brought(doomed_id).is_empty()))).await?;
        assert_eq!(value(&metrics(address).await?, "relay_takeovers_total"), Some(0.0));

        doomed.kill().await?;
        first.kill().await?;
        let id = second.process().id();
        let log = Log::open(nats.access()).await?;
        log.until_ended(bucket.id, output, Ending::Sent, usize::try_from(last + SENT)?).await?;
        // Else it was the acknowledgement wait that brought it.
        assert_eq!(value(&metrics(address).await?, "relay_takeovers_total"), Some(1.0));
        let mut by_second = brought(id);
        by_second.sort_unstable();
        by_second.dedup();
        say(&format!("the one that is left brought {} of {SENT}", by_second.len()));
        Ok(())
    })
    .await;
}
