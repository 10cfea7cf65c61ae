//! The straight path that most stories start from: one server, one bucket, one output, one agent.

use anyhow::Result;
use e2e::server::Plan;
use e2e::wait::{holds, until};
use e2e::{Agent, Api, Arrival, Bucket, Destination, Ledger, Log, Server, Token, World};
use model::OutputId;
use model::fact::Ending;
use serde_json::{Value, json};

/// Everything between a caller and a destination. What is dropped first stands first.
pub(crate) struct Straight {
    pub(crate) agent: Agent,
    pub(crate) destination: Destination,
    pub(crate) server: Server,
    pub(crate) log: Log,
    pub(crate) api: Api,
    pub(crate) token: Token,
    pub(crate) bucket: Bucket,
    pub(crate) output: OutputId,
}

impl Straight {
    /// With nothing out of the ordinary.
    pub(crate) async fn new(world: &World) -> Result<Self> {
        Self::with(world, json!({}), json!({})).await
    }

    /// With these further fields of the bucket and the output.
    pub(crate) async fn with(world: &World, bucket: Value, output: Value) -> Result<Self> {
        Self::on(world.server("relay"), world, bucket, output).await
    }

    /// The same on a server that is started like this.
    pub(crate) async fn on(server: Plan, world: &World, bucket: Value, output: Value) -> Result<Self> {
        let server = server.start().await?;
        let api = server.api()?;
        let destination = Destination::start()?;
        let bucket = api.make_bucket("deploys", bucket).await?;
        let output = api.make_output(&bucket, &destination.url("/hook"), output).await?;
        let token = api.make_token(json!({})).await?;
        let agent = world.agent("agent").token(&token).server(&server).serves("deploys").start()?;
        Ok(Self { agent, destination, log: server.log().await?, server, api, token, bucket, output })
    }

    /// Sends numbers one after the other, each accepted before the next.
    pub(crate) async fn send(&self, numbers: impl IntoIterator<Item = u64>) -> Result<Ledger> {
        send(&self.server, &self.bucket, numbers).await
    }

    /// Sends one number and waits until it has arrived. Where outputs keep order, everything that
    /// was sent before it has arrived too.
    pub(crate) async fn send_through(&self, number: u64) -> Result<Arrival> {
        self.send([number]).await?;
        self.destination.receives_number(number).await
    }

    /// Waits until so many deliveries have ended as sent.
    pub(crate) async fn until_sent(&self, count: usize) -> Result<()> {
        self.log.until_ended(self.bucket.id, self.output, Ending::Sent, count).await
    }
}

/// Sends numbers to a bucket, one after the other, each accepted before the next. What is answered
/// 503 is sent again, as senders of webhooks do.
pub(crate) async fn send(server: &Server, bucket: &Bucket, numbers: impl IntoIterator<Item = u64>) -> Result<Ledger> {
    let mut caller = server.caller();
    let mut ledger = Ledger::default();
    for number in numbers {
        until(&format!("webhook {number} is accepted"), async || {
            let status = caller.post_number(bucket.input, number).await;
            ledger.note(number, status);
            Ok(holds(status == Some(200)))
        })
        .await?;
    }
    Ok(ledger)
}
