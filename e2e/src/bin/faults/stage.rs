//! A relay with two of every service, its agents and its lanes, under load.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::wait::{holds, until, until_within};
use e2e::{Agent, Cluster, Link, Log, Process, Server, World};
use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::json;

use crate::lane::Lane;
use crate::load::Load;
use crate::setting::{Broker, Setting};

/// How many there are of each service.
const COPIES: usize = 2;
/// How long webhooks may take to pass again after a fault, before the run is given up.
const RECOVERY_MAX: Duration = Duration::from_secs(300);

/// Who can be harmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ingress,
    Dispatcher,
    Auth,
    Api,
    Agent,
    Nats,
}

/// Everything that faults are done to. What is dropped first stands first.
pub(crate) struct Stage {
    load: Load,
    /// Each is what passes from senders to a destination.
    pub(crate) lanes: Vec<Lane>,
    /// Two of a group on the first lane, and one for each further lane that needs one.
    pub(crate) agents: Vec<Agent>,
    /// The way of each agent to the dispatchers.
    pub(crate) links: Vec<Link>,
    pub(crate) ingresses: Vec<Server>,
    pub(crate) dispatchers: Vec<Server>,
    pub(crate) auths: Vec<Server>,
    pub(crate) apis: Vec<Server>,
    pub(crate) broker: Broker,
    /// What the fault at hand wants to be said of it.
    remarks: Vec<String>,
    pub(crate) world: World,
}

impl Stage {
    /// Sets everything up, with webhooks passing in every lane.
    pub(crate) async fn set(setting: Setting) -> Result<Self> {
        let world = World::new()?;
        let broker = setting.start(&world).await?;
        let plan = |role: &str, number: usize| {
            let plan = world.server_around(&broker, &format!("{role}-{number}"), role);
            plan.args(["--allow-private-outputs", "127.0.0.0/8"])
        };
        let pair = async |role: &'static str| tokio::try_join!(plan(role, 1).launch(), plan(role, 2).launch());
        // Together, as a supervisor would: each waits for what it needs from the others.
        let started = tokio::try_join!(pair("auth"), pair("ingress"), pair("dispatcher"), pair("api"))?;
        let [mut auths, mut ingresses, mut dispatchers, mut apis] =
            [started.0, started.1, started.2, started.3].map(|(one, other)| vec![one, other]);
        for server in [&mut auths, &mut ingresses, &mut dispatchers, &mut apis].into_iter().flatten() {
            server.until_serving().await?;
        }

        let api = apis[0].api()?;
        let mut lanes = Vec::new();
        for (number, name, is_public) in
            [(1, "shared", false), (2, "alone", false), (3, "public", true), (4, "foreign", false)]
        {
            lanes.push(Lane::make(&api, number, name, is_public).await?);
        }
        let (mut agents, mut links) = (Vec::new(), Vec::new());
        for (name, bucket) in
            [("shared-1", "shared"), ("shared-2", "shared"), ("alone", "alone"), ("foreign", "foreign")]
        {
            // What it may have is in its token: it asks for everything.
            let token = api.make_token(json!({"scopes": {"buckets": [bucket]}})).await?;
            let link = Link::to(dispatchers.iter().map(Server::address).collect()).await?;
            let plan = world.agent(name).token(&token).servers(&dispatchers[0], &apis[0]);
            agents.push(plan.env("RELAY_GRPC_API_ADDRESS", &link.url()).serves_all().group(bucket).start()?);
            links.push(link);
        }
        let load = Load::start(&lanes, || ingresses.iter().map(Server::caller).collect());
        let stage = Self {
            load,
            lanes,
            agents,
            links,
            ingresses,
            dispatchers,
            auths,
            apis,
            broker,
            remarks: Vec::new(),
            world,
        };
        stage.until_passing().await?;
        Ok(stage)
    }

    /// Waits until a webhook that is sent from now on has arrived, in every lane; returns how long
    /// that took.
    pub(crate) async fn until_passing(&self) -> Result<Duration> {
        let since = Instant::now();
        for lane in &self.lanes {
            let next = lane.next();
            let what = format!("a webhook passes in lane {}", lane.bucket.name);
            until_within(RECOVERY_MAX, &what, async || Ok(holds(lane.has_come_after(&next)))).await?;
        }
        Ok(since.elapsed())
    }

    /// Waits until so many more webhooks were accepted in every lane.
    pub(crate) async fn goes_on(&self, webhooks: usize) -> Result<()> {
        for lane in &self.lanes {
            let enough = lane.accepted() + webhooks;
            until("more webhooks are accepted", async || Ok(holds(lane.accepted() >= enough))).await?;
        }
        Ok(())
    }

    /// Chooses one of a kind.
    pub(crate) fn one_of(&self, kind: Kind, dice: &mut SmallRng) -> usize {
        let count = match kind {
            Kind::Agent => self.agents.len(),
            Kind::Nats => self.broker.count(),
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => COPIES,
        };
        dice.random_range(0..count)
    }

    /// The process of one.
    pub(crate) fn process(&mut self, kind: Kind, number: usize) -> &Process {
        match kind {
            Kind::Agent => self.agents[number].process(),
            Kind::Nats => self.broker.node(number).process(),
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => self.server(kind, number).process(),
        }
    }

    /// Kills one.
    pub(crate) async fn kill(&mut self, kind: Kind, number: usize) -> Result<()> {
        match kind {
            Kind::Agent => self.agents[number].kill().await,
            Kind::Nats => self.broker.node(number).kill().await,
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => self.server(kind, number).kill().await,
        }
    }

    /// Starts one again that has ended.
    pub(crate) async fn start_again(&mut self, kind: Kind, number: usize) -> Result<()> {
        match kind {
            Kind::Agent => self.agents[number].start_again(),
            Kind::Nats => self.broker.node(number).start_again().await,
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => self.server(kind, number).start_again().await,
        }
    }

    /// The nats-server that has the cursor of one of the lanes.
    pub(crate) async fn leader(&self, dice: &mut SmallRng) -> Result<usize> {
        let lane = &self.lanes[dice.random_range(0..self.lanes.len())];
        match &self.broker {
            Broker::One(_) => Ok(0),
            Broker::Three(cluster) => Cluster::server_of_cursor(cluster, lane.output).await,
        }
    }

    /// What is in NATS.
    pub(crate) async fn log(&self) -> Result<Log> {
        Log::open(self.broker.as_ref()).await
    }

    /// Has the report say this of the fault at hand.
    pub(crate) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// What was remarked since this was asked last.
    pub(crate) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// Ends the load; everything else stays up.
    pub(crate) async fn end_load(&mut self) -> Result<()> {
        let nobody = Load::start(&[], Vec::new);
        std::mem::replace(&mut self.load, nobody).stop().await
    }

    fn server(&mut self, kind: Kind, number: usize) -> &mut Server {
        match kind {
            Kind::Ingress => &mut self.ingresses[number],
            Kind::Dispatcher => &mut self.dispatchers[number],
            Kind::Auth => &mut self.auths[number],
            Kind::Api | Kind::Agent | Kind::Nats => &mut self.apis[number],
        }
    }
}
