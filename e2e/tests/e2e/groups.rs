//! Agents of one group share the work; each group gets everything.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream::{self, stream};
use e2e::process::holds_port;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Agent, Arrival, Destination, Ledger, Reply, World, story};
use futures_util::TryStreamExt;
use model::fact::Ending;
use model::record::Group;
use model::{EventId, GroupId};
use serde_json::json;
use store::directory::Key;

use crate::keys;
use crate::straight::{Straight, send};

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_of_one_token_share() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        let second = world.agent("second").token(&straight.token).server(&straight.server).serves("deploys").start()?;
        straight.send_through(0).await?;

        // The second one joins when it is ready; then both take part.
        let mut next = 1;
        let mut both = BTreeMap::new();
        until("both agents have delivered", async || {
            straight.send_through(next).await?;
            next += 1;
            for arrival in straight.destination.arrivals() {
                for (name, agent) in [("first", &straight.agent), ("second", &second)] {
                    if delivered(agent, &arrival) {
                        *both.entry(name).or_insert(0) += 1;
                    }
                }
            }
            Ok(holds(both.len() == 2))
        })
        .await?;
        straight.until_sent(usize::try_from(next)?).await?;
        let balance = Ledger::default().close(&straight.destination.arrivals());
        assert_eq!((balance.arrived, balance.duplicates), (usize::try_from(next)?, 0), "each went to one of them");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_agents_is_killed_and_the_other_goes_on() {
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        let _second =
            world.agent("second").token(&straight.token).server(&straight.server).serves("deploys").start()?;
        let mut ledger = straight.send(0..100).await?;
        straight.agent.kill().await?;
        ledger.merge(straight.send(100..200).await?);
        until("everything has arrived", async || Ok(holds(ledger.is_covered_by(&straight.destination.arrivals()))))
            .await?;
        straight.until_sent(200).await?;
        let balance = ledger.close(&straight.destination.arrivals());
        say(&format!("one of two agents killed: {balance}"));
        assert_eq!(balance.lost, Vec::<u64>::new());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_asked_to_stop_leaves_what_it_has_not_begun_to_others() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let plan = |name: &str, roles: &str| world.server_around(&nats, name, roles);
        let front = plan("front", "auth,ingress,api").start().await?;
        let [one, other] = [plan("one", "dispatcher").start().await?, plan("other", "dispatcher").start().await?];
        let api = front.api()?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        // Longer than an agent takes to stop at most.
        api.make_output(&bucket, &destination.url("/"), json!({"timeout": 60})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = |name: &str, dispatcher| world.agent(name).token(&token).servers(dispatcher, &front).serves_all();
        let (mut leaving, staying) = (agent("leaving", &one).start()?, agent("staying", &other).start()?);
        let mut next = 0;
        until("both agents deliver", async || {
            send(&front, &bucket, [next]).await?;
            next += 1;
            let arrivals = destination.arrivals();
            Ok(holds([&leaving, &staying].iter().all(|agent| arrivals.iter().any(|a| delivered(agent, a)))))
        })
        .await?;

        let stays = staying.process().id();
        destination.replies(move |arrival| match stays {
            Some(id) if holds_port(id, arrival.port) => Reply::Status(200),
            _ => Reply::Silence,
        });
        let ledger = send(&front, &bucket, next..next + 100).await?;
        leaving.process().terminate()?;
        until("everything has been begun by one of them", async || {
            Ok(holds(ledger.is_covered_by(&destination.arrivals())))
        })
        .await?;
        assert!(leaving.process_mut().is_running()?, "it still waits for answers");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_could_not_be_noted_is_noted_later() {
    story(async |world: &World| {
        let straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let context = jetstream::new(straight.server.nats()?.connect().await?);
        let directory = context.get_stream("KV_directory").await?;
        let before = directory.cached_info();
        let full = stream::Config { max_messages: before.state.messages.try_into()?, ..before.config.clone() };
        context.update_stream(full).await?;
        let late = world.agent("late").token(&straight.token).server(&straight.server).serves("deploys");
        let _late = late.group("late").start()?;
        until("it cannot be noted", async || {
            Ok(holds(straight.server.process().log()?.contains("a group could not be noted")))
        })
        .await?;
        context.update_stream(&before.config).await?;
        until("it is noted", async || {
            let groups = straight.api.call("GET", "/v1/groups", &json!(null), 200).await?;
            Ok(holds(groups.as_array().into_iter().flatten().any(|group| group["name"] == "late")))
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_nobody_has_come_for_in_a_month_is_forgotten() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    story(async |world: &World| {
        let mut straight = Straight::new(world).await?;
        straight.send_through(1).await?;
        let masters = std::fs::read_to_string(straight.server.data_dir().join("master.key"))?;
        let store = keys::open(&straight.server.nats()?, masters.parse()?).await?;
        let directory = store.directory();
        directory.loaded().await;
        let of_agent = directory.groups().pop().context("the agent has no group")?.record;
        let now = of_agent.seen_at.context("it was not noted that the agent is there")?;
        for (name, days) in [("away", 31), ("absent", 29)] {
            let (id, seen_at) = (GroupId::named(of_agent.account, name), Some(now.minus(DAY * days)));
            let group = Group { id, name: name.to_owned(), seen_at, ..of_agent.as_ref().clone() };
            directory.ensure_group(&group).await?;
        }
        straight.server.kill().await?;
        straight.server.start_again().await?;
        until("it is forgotten, and no other", async || {
            let groups = straight.api.call("GET", "/v1/groups", &json!(null), 200).await?;
            let names: Vec<_> = groups.as_array().into_iter().flatten().map(|group| group["name"].clone()).collect();
            let stay = [json!("absent"), json!(of_agent.name)];
            Ok(holds(names.len() == 2 && stay.iter().all(|name| names.contains(name))))
        })
        .await?;
        let key = Key::Group(of_agent.bucket, of_agent.output, GroupId::named(of_agent.account, "away"));
        let context = jetstream::new(straight.server.nats()?.connect().await?);
        let kept = context.get_stream("KV_directory").await?.info_with_subjects(format!("$KV.directory.{key}")).await?;
        let kept: Vec<_> = kept.try_collect().await?;
        assert!(matches!(kept[..], [(_, 1)]), "that it is gone, and nothing of what it was: {kept:?}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_groups_each_get_everything() {
    const EVENTS: u64 = 100;
    story(async |world: &World| {
        let server = world.server("relay").start().await?;
        let (api, log) = (server.api()?, server.log().await?);
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = |name: &str| world.agent(name).token(&token).server(&server).serves("deploys").group(name).start();
        let (_blue, _green) = (agent("blue")?, agent("green")?);

        send(&server, &bucket, 1..=EVENTS).await?;
        let arrivals = destination.receives(200).await?;
        log.until_ended(bucket.id, output, Ending::Sent, 200).await?;
        assert_eq!(destination.count(), 200);
        let mut times: BTreeMap<EventId, usize> = BTreeMap::new();
        for event in arrivals.iter().filter_map(Arrival::event) {
            *times.entry(event).or_default() += 1;
        }
        assert_eq!(times.len(), 100);
        assert!(times.values().all(|times| *times == 2), "each event went to both groups: {times:?}");
        Ok(())
    })
    .await;
}

/// Whether this agent made the request: the connection is its own.
fn delivered(agent: &Agent, arrival: &Arrival) -> bool {
    agent.process().id().is_some_and(|id| holds_port(id, arrival.port))
}
