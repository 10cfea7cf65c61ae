//! A relay whose roles are processes of their own, so that what each costs can be told apart.

use std::time::Duration;

use e2e::{Agent, Spread, World};
use serde_json::json;

use crate::traffic::{Shape, Traffic};

/// How many of what there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) buckets: usize,
    /// Of each bucket.
    pub(crate) outputs: usize,
    /// All of one group.
    pub(crate) agents: usize,
}

/// The processes, and the traffic through them.
pub(crate) struct Apart {
    agents: Vec<Agent>,
    pub(crate) relay: Spread,
    pub(crate) traffic: Traffic,
    size: Size,
    pub(crate) world: World,
}

/// Processor time by process.
pub(crate) struct Costs {
    /// Each kind of process with its time for one delivery.
    pub(crate) each: Vec<(&'static str, Duration)>,
    pub(crate) run: crate::traffic::Run,
}

impl Costs {
    /// Of all processes together.
    pub(crate) fn sum(&self) -> Duration {
        self.each.iter().map(|(_, time)| *time).sum()
    }
}

impl Apart {
    /// Starts everything.
    pub(crate) async fn start(size: Size) -> anyhow::Result<Self> {
        let world = World::new()?;
        let relay = world.spread().await?;
        let api = relay.rest()?;
        let mut traffic = Traffic::new(relay.ingress.address())?;
        for number in 0..size.buckets {
            let bucket = api.make_bucket(&format!("bucket-{number}"), json!({})).await?;
            for output in 0..size.outputs {
                api.make_output(&bucket, &traffic.destination.url(&format!("/{output}")), json!({})).await?;
            }
            traffic.buckets.push(bucket);
        }
        traffic.copies = size.outputs as u64;
        let token = api.make_token(json!({})).await?;
        let mut agents = Vec::new();
        for number in 0..size.agents {
            let plan = world.agent(&format!("agent-{number}")).token(&token);
            agents.push(plan.servers(&relay.dispatcher, &relay.api).serves_all().start()?);
        }
        traffic.warm_up().await?;
        Ok(Self { agents, relay, traffic, size, world })
    }

    /// Sends so many webhooks a second for so long, and says what each delivery took of processors.
    pub(crate) async fn costs(&mut self, rate: f64, span: Duration, shape: &Shape) -> anyhow::Result<Costs> {
        let before = self.processor_times()?;
        let run = self.traffic.run(rate, span, shape).await?;
        let after = self.processor_times()?;
        let deliveries = u32::try_from(run.sent.accepted.len() * self.size.outputs)?.max(1);
        let each = before.into_iter().zip(after);
        let each = each.map(|((name, from), (_, to))| (name, to.saturating_sub(from) / deliveries)).collect();
        Ok(Costs { each, run })
    }

    fn processor_times(&self) -> anyhow::Result<Vec<(&'static str, Duration)>> {
        let Spread { nats, auth, ingress, dispatcher, api } = &self.relay;
        let servers = [
            ("ingress", ingress.process()),
            ("nats-server", nats.process()),
            ("dispatcher", dispatcher.process()),
            ("api", api.process()),
            ("auth", auth.process()),
        ];
        let mut times = Vec::new();
        for (name, process) in servers {
            times.push((name, process.processor_time()?));
        }
        let agents = self.agents.iter().map(|agent| agent.process().processor_time());
        times.push(("agents", agents.sum::<anyhow::Result<Duration>>()?));
        Ok(times)
    }
}
