//! A bucket with an agent of its own beside the lanes, for what would end a lane.

use anyhow::Result;
use e2e::wait::{holds, until};
use e2e::{Agent, Bucket, Caller, Destination, Link, Server, Token};
use serde_json::{Value, json};

use crate::stage::Stage;

/// What stands beside the lanes until this is dropped.
pub(super) struct Side {
    pub(super) bucket: Bucket,
    pub(super) destination: Destination,
    pub(super) token: Token,
    pub(super) agent: Agent,
    pub(super) link: Link,
    caller: Caller,
    next: u64,
}

impl Side {
    /// Makes everything, with a webhook passing.
    pub(super) async fn make(stage: &mut Stage) -> Result<Self> {
        let name = format!("side-{}", stage.serial());
        let (api, destination) = (stage.api()?, Destination::start()?);
        let bucket = api.make_bucket(&name, json!({})).await?;
        api.make_output(&bucket, &destination.url("/"), json!({})).await?;
        let token = api.make_token(json!({"scopes": {"buckets": [name]}})).await?;
        let link = Link::to(stage.dispatchers.iter().map(Server::address).collect()).await?;
        let plan = stage.world.agent(&name).token(&token).servers(&stage.dispatchers[0], &stage.apis[0]);
        let agent = plan.env("RELAY_GRPC_API_ADDRESS", &link.url()).serves_all().start()?;
        let mut side = Self { bucket, destination, token, agent, link, caller: stage.ingresses[0].caller(), next: 0 };
        side.send(1, 1).await?;
        side.destination.receives(1).await?;
        Ok(side)
    }

    /// Sends so many webhooks of so many bytes, each until it is accepted.
    pub(super) async fn send(&mut self, webhooks: usize, bytes: usize) -> Result<()> {
        for _ in 0..webhooks {
            self.next += 1;
            let mut body = format!("{} ", self.next).into_bytes();
            body.resize(bytes.max(body.len()), b'x');
            until("a webhook is accepted", async || {
                let answer = self.caller.post(self.bucket.input, &body).await;
                Ok(holds(answer.is_ok_and(|answer| answer.status == 200)))
            })
            .await?;
        }
        Ok(())
    }

    /// Takes away the bucket and the token.
    pub(super) async fn end(self, stage: &Stage) -> Result<()> {
        let api = stage.api()?;
        api.delete_token(&self.token).await?;
        api.call("DELETE", &format!("/v1/buckets/{}?force=true", self.bucket.id), &Value::Null, 200).await.map(drop)
    }
}
