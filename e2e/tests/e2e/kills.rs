//! Every process is killed, or frozen, under load. Nothing that was accepted is lost, and the ledger closes.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::nats::Access;
use e2e::report::say;
use e2e::wait::{holds, until};
use e2e::{Agent, Bucket, Destination, Forwarding, Nats, Process, Spread, World, story};
use model::OutputId;
use model::fact::Ending;

use crate::load::Load;

/// How many webhooks are sent at least from one kill to the next.
pub(crate) const BETWEEN: u64 = 100;

/// How long who is frozen stays so: longer than callers' and NATS's patience with one request.
const FROZEN: Duration = Duration::from_secs(5);

/// Who is killed.
const VICTIMS: [&str; 6] = ["agent", "dispatcher", "ingress", "auth", "api", "nats-server"];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_whoever_is_killed() {
    check("killed", rounds(), async |stage, victim| {
        stage.load.goes_on(BETWEEN).await?;
        let killed = Instant::now();
        kill_and_start_again(&mut stage.relay, &mut stage.agent, victim).await?;
        Ok(killed)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_whoever_is_frozen_for_a_while() {
    check("frozen", 1, async |stage, victim| {
        process(stage, victim).freeze()?;
        let since = Instant::now();
        until("it was frozen for long enough", async || Ok(holds(since.elapsed() > FROZEN))).await?;
        process(stage, victim).go_on()?;
        Ok(Instant::now())
    })
    .await;
}

/// Does something to everyone in turn under load; the account must close at the end.
async fn check(what: &str, rounds: usize, harm: impl AsyncFn(&mut Stage, &str) -> Result<Instant>) {
    story(async |world: &World| {
        let mut stage = Stage::set(world, world.spread().await?).await?;
        for round in 1..=rounds {
            for victim in VICTIMS {
                let since = harm(&mut stage, victim).await?;
                stage.load.passes(&stage.relay, &stage.destination).await?;
                let seconds = since.elapsed().as_secs_f32();
                say(&format!("round {round}: {victim} {what} under load, works again after {seconds:.1} s"));
            }
        }
        stage.close(what).await
    })
    .await;
}

/// A relay of many processes under load. What is dropped first stands first.
pub(crate) struct Stage<N = Nats> {
    pub(crate) load: Load,
    agent: Agent,
    pub(crate) destination: Destination,
    pub(crate) relay: Spread<N>,
    bucket: Bucket,
    pub(crate) output: OutputId,
}

impl<N: AsRef<Access>> Stage<N> {
    pub(crate) async fn set(world: &World, relay: Spread<N>) -> Result<Self> {
        let Forwarding { agent, destination, bucket, output } = relay.forward(world).await?;
        let mut load = Load::start(&relay, &bucket);
        load.passes(&relay, &destination).await?;
        Ok(Self { load, agent, destination, relay, bucket, output })
    }

    /// Ends the load, waits for what was accepted, and closes the account: callers, log and
    /// destination agree.
    pub(crate) async fn close(self, what: &str) -> Result<()> {
        let Self { load, destination, relay, bucket, output, agent: _agent } = self;
        let ledger = load.stop().await?;
        until("everything accepted has arrived", async || Ok(holds(ledger.is_covered_by(&destination.arrivals()))))
            .await?;
        let log = relay.log().await?;
        // While a server comes back, a question about its streams may fail.
        let events = until("the log says how many there are", async || Ok(log.events(bucket.id).await.ok())).await?;
        log.until_ended(bucket.id, output, Ending::Sent, events).await?;
        let balance = ledger.close(&destination.arrivals());
        let (accepted, lost, duplicates) = (balance.accepted, balance.lost.len(), balance.duplicates);
        let not_accepted = balance.not_accepted;
        say(&format!("{what}: accepted {accepted}, lost {lost}, duplicates {duplicates}, not accepted {not_accepted}"));
        assert_eq!(balance.lost, Vec::<u64>::new());
        assert!(accepted > 0);
        Ok(())
    }
}

fn process<'a>(stage: &'a Stage, victim: &str) -> &'a Process {
    match victim {
        "agent" => stage.agent.process(),
        "nats-server" => stage.relay.nats.process(),
        "dispatcher" => stage.relay.dispatcher.process(),
        "ingress" => stage.relay.ingress.process(),
        "auth" => stage.relay.auth.process(),
        _ => stage.relay.api.process(),
    }
}

/// Further rounds of kills, for whoever has the time: `RELAY_E2E_KILL_ROUNDS`.
fn rounds() -> usize {
    std::env::var("RELAY_E2E_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

async fn kill_and_start_again(relay: &mut Spread, agent: &mut Agent, victim: &str) -> Result<()> {
    match victim {
        "agent" => {
            agent.kill().await?;
            agent.start_again()
        }
        "nats-server" => {
            relay.nats.kill().await?;
            relay.nats.start_again().await
        }
        role => {
            let server = match role {
                "dispatcher" => &mut relay.dispatcher,
                "ingress" => &mut relay.ingress,
                "auth" => &mut relay.auth,
                _ => &mut relay.api,
            };
            server.kill().await?;
            server.start_again().await
        }
    }
}
