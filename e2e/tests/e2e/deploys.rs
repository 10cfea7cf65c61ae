//! A deploy: every process is asked to stop and started again, one at a time, under load.

use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Caller, Destination, Ledger, Link, Server, World, story};
use model::InputId;
use serde_json::json;
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_refuses_nobody_and_loses_nothing() {
    story(async |world: &World| {
        let nats = world.nats().await?;
        let mut servers = Vec::new();
        for (role, number) in
            ["auth", "api", "ingress", "dispatcher"].into_iter().flat_map(|role| [(role, 1), (role, 2)])
        {
            servers.push(world.server_around(&nats, &format!("{role}-{number}"), role).launch().await?);
        }
        for server in &mut servers {
            server.until_serving().await?;
        }
        let [_, _, api, _, ingress, other, dispatchers @ ..] = &servers[..] else { unreachable!("there are eight") };
        let (rest, destination) = (api.api()?, Destination::start()?);
        let bucket = rest.make_bucket("deploys", json!({})).await?;
        rest.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = rest.make_token(json!({})).await?;
        let link = Link::to(dispatchers.iter().map(Server::address).collect()).await?;
        let plan = world.agent("agent").token(&token).servers(&dispatchers[0], api);
        let _agent = plan.env("RELAY_GRPC_API_ADDRESS", &link.url()).serves("deploys").start()?;

        let (stop, callers) = (watch::Sender::new(false), vec![ingress.caller(), other.caller()]);
        let sending = tokio::spawn(keep_sending(callers, bucket.input, stop.subscribe()));
        destination.receives(1).await?;
        for server in &mut servers {
            let before = destination.count();
            server.process().terminate()?;
            let status = server.process_mut().exit().await?;
            assert!(status.success(), "{status}");
            server.start_again().await?;
            destination.receives(before + 20).await?;
        }
        stop.send_replace(true);
        let (ledger, refused) = sending.await?;
        until("everything has arrived", async || Ok(holds(ledger.is_covered_by(&destination.arrivals())))).await?;
        let balance = ledger.close(&destination.arrivals());
        say(&format!("rolling restart: {balance}"));
        assert_eq!(refused, Vec::<u64>::new(), "nobody is refused");
        assert_eq!(balance.lost, Vec::<u64>::new());
        Ok(())
    })
    .await;
}

/// Sends number after number, each until it is accepted, in turn to each ingress as a balancer does.
/// Returns what callers were told, and which numbers were accepted by none of them in turn.
async fn keep_sending(mut callers: Vec<Caller>, input: InputId, stop: watch::Receiver<bool>) -> (Ledger, Vec<u64>) {
    let (mut ledger, mut refused) = (Ledger::default(), Vec::new());
    for number in 1.. {
        if *stop.borrow() {
            break;
        }
        for tries in 1.. {
            let told = callers[0].post_number(input, number).await;
            ledger.note(number, told);
            callers.rotate_left(1);
            if told == Some(200) {
                break;
            }
            if tries == callers.len() {
                refused.push(number);
            }
        }
        tokio::task::yield_now().await;
    }
    (ledger, refused)
}
