//! A relay with two of every service, its agents and its lanes, under load.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::wait::{holds, until, until_within};
use e2e::{Agent, Api, Cluster, Link, Log, Process, Server, World, account};
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
    /// Two of a group on the first lane, and one for each further lane that needs one. The foreign
    /// one is of another account than all others.
    pub(crate) agents: Vec<Agent>,
    /// The way of each agent to the dispatchers.
    pub(crate) links: Vec<Link>,
    pub(crate) ingresses: Vec<Server>,
    pub(crate) dispatchers: Vec<Server>,
    pub(crate) auths: Vec<Server>,
    pub(crate) apis: Vec<Server>,
    pub(crate) broker: Broker,
    /// What wraps the data keys now.
    pub(crate) master_key: String,
    /// What the fault at hand wants to be said of it.
    remarks: Vec<String>,
    serial: usize,
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
        let foreign = api.with(&account::make(broker.as_ref()).await?);
        let mut lanes = Vec::new();
        for (number, api, name, is_public) in [
            (1, &api, "shared", false),
            (2, &api, "alone", false),
            (3, &api, "public", true),
            (4, &foreign, "foreign", false),
        ] {
            lanes.push(Lane::make(api, number, name, is_public).await?);
        }
        let (mut agents, mut links) = (Vec::new(), Vec::new());
        // What an agent may have is in its token, or what its account has: it asks for everything.
        let scoped = |bucket: &str| json!({"scopes": {"buckets": [bucket]}});
        for (name, api, bucket, scopes) in [
            ("shared-1", &api, "shared", scoped("shared")),
            ("shared-2", &api, "shared", scoped("shared")),
            ("alone", &api, "alone", scoped("alone")),
            ("foreign", &foreign, "foreign", json!({})),
        ] {
            let token = api.make_token(scopes).await?;
            let mut addresses: Vec<_> = dispatchers.iter().map(Server::address).collect();
            // Not all begin with the same one.
            addresses.rotate_left(links.len() % COPIES);
            let link = Link::to(addresses).await?;
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
            master_key: world.master_key().to_owned(),
            remarks: Vec::new(),
            serial: 0,
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

    /// How many there are of a kind.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Agent => self.agents.len(),
            Kind::Nats => self.broker.count(),
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => COPIES,
        }
    }

    /// Chooses one of a kind.
    pub(crate) fn one_of(&self, kind: Kind, dice: &mut SmallRng) -> usize {
        dice.random_range(0..self.count(kind))
    }

    /// The process of one.
    pub(crate) fn process(&mut self, kind: Kind, number: usize) -> &Process {
        match kind {
            Kind::Agent => self.agents[number].process(),
            Kind::Nats => self.broker.node(number).process(),
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => self.server(kind, number).process(),
        }
    }

    fn process_mut(&mut self, kind: Kind, number: usize) -> &mut Process {
        match kind {
            Kind::Agent => self.agents[number].process_mut(),
            Kind::Nats => self.broker.node(number).process_mut(),
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => self.server(kind, number).process_mut(),
        }
    }

    /// Has everyone run again, whatever a fault that failed has left.
    pub(crate) async fn mend(&mut self) -> Result<()> {
        for kind in [Kind::Nats, Kind::Auth, Kind::Api, Kind::Ingress, Kind::Dispatcher, Kind::Agent] {
            for number in 0..self.count(kind) {
                let process = self.process_mut(kind, number);
                if process.is_running()? {
                    process.go_on()?;
                } else {
                    self.start_again(kind, number).await?;
                }
            }
        }
        Ok(())
    }

    /// Kills one.
    pub(crate) async fn kill(&mut self, kind: Kind, number: usize) -> Result<()> {
        match kind {
            Kind::Agent => self.agents[number].kill().await,
            Kind::Nats => self.broker.node(number).kill().await,
            Kind::Ingress | Kind::Dispatcher | Kind::Auth | Kind::Api => self.server(kind, number).kill().await,
        }
    }

    /// Asks one to stop (SIGTERM), and waits until it has ended.
    pub(crate) async fn stop(&mut self, kind: Kind, number: usize) -> Result<()> {
        let process = self.process_mut(kind, number);
        process.terminate()?;
        let status = process.exit().await?;
        ensure!(kind == Kind::Nats || status.success(), "{kind:?} {number} was asked to stop and ended with {status}");
        Ok(())
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

    /// The REST API, as the owner of everything.
    pub(crate) fn api(&self) -> Result<Api> {
        self.apis[0].api()
    }

    /// A number that no other fault has.
    pub(crate) fn serial(&mut self) -> usize {
        self.serial += 1;
        self.serial
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

    /// One of the services; an API for what is none.
    pub(crate) fn server(&mut self, kind: Kind, number: usize) -> &mut Server {
        match kind {
            Kind::Ingress => &mut self.ingresses[number],
            Kind::Dispatcher => &mut self.dispatchers[number],
            Kind::Auth => &mut self.auths[number],
            Kind::Api | Kind::Agent | Kind::Nats => &mut self.apis[number],
        }
    }
}
