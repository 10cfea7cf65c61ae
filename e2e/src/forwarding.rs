//! The straight way out of a relay: a bucket, its output, and the agent that serves it.

use model::OutputId;
use serde_json::json;

use crate::nats::Access;
use crate::{Agent, Bucket, Destination, Spread, World};

/// Everything between an ingress and a destination. What is dropped first stands first.
pub struct Forwarding {
    /// The agent.
    pub agent: Agent,
    /// Where webhooks go.
    pub destination: Destination,
    /// The bucket.
    pub bucket: Bucket,
    /// Its output.
    pub output: OutputId,
}

impl<N: AsRef<Access>> Spread<N> {
    /// Makes a bucket with an output, and starts an agent that serves it.
    ///
    /// # Errors
    /// When the API refuses, or a program cannot be started.
    pub async fn forward(&self, world: &World) -> anyhow::Result<Forwarding> {
        let (api, destination) = (self.rest()?, Destination::start()?);
        let bucket = api.make_bucket("deploys", json!({})).await?;
        let output = api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({})).await?;
        let agent = world.agent("agent").token(&token).servers(&self.dispatcher, &self.api).serves("deploys");
        Ok(Forwarding { agent: agent.start()?, destination, bucket, output })
    }
}
