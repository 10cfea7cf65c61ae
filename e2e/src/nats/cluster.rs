//! Three `nats-server`s in a cluster, each of which a test can kill, wipe and start again.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context;
use async_nats::jetstream::{self, stream};
use futures_util::TryStreamExt;
use model::OutputId;

use super::routes::Routes;
use super::{Access, Durability, Nats, USER, spawn, until_answers, write_config};
use crate::netns::Namespace;
use crate::wait::{holds, until};

/// How many servers there are.
pub const SERVERS: usize = 3;

/// The ports of servers that have a machine each: of the first one for clients, and for the others.
const CLIENT_PORT: u16 = 4222;
const ROUTE_PORT: u16 = 6222;

/// A cluster of a test's own. Everything in it has a copy on each server.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Nats>,
    access: Access,
    routes: Routes,
}

/// A server that is to be one of three.
struct Member {
    address: SocketAddr,
    /// What makes it one, in its configuration.
    membership: String,
    machine: Option<Namespace>,
}

impl AsRef<Access> for Cluster {
    fn as_ref(&self) -> &Access {
        &self.access
    }
}

impl Cluster {
    /// Starts one with its files in `dir`, on ports that the system chooses, and waits until it
    /// can keep messages.
    ///
    /// # Errors
    /// When there is no `nats-server`, or one does not start.
    pub(crate) async fn start(dir: &Path, logs: &Path, durability: Durability) -> anyhow::Result<Self> {
        let [clients, routes] = [addresses()?, addresses()?];
        let wires = Routes::between(&routes).await?;
        let members = clients.into_iter().zip(&routes).enumerate().map(|(number, (address, route))| {
            // What a server would tell the others of itself leads nowhere: they are found through the wires alone.
            let rest = r#", advertise: "127.0.0.1:9""#;
            Member { address, membership: membership(number, *route, wires.of(number), rest), machine: None }
        });
        Self::of(members.collect(), wires, dir, logs, durability).await
    }

    /// The same with each server on a machine of its own, which reach each other and this one.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub(crate) async fn start_apart(
        machines: [Namespace; SERVERS],
        dir: &Path,
        logs: &Path,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let at = |machine: &Namespace, port: u16| SocketAddr::from((machine.address(), port));
        let routes = machines.each_ref().map(|machine| at(machine, ROUTE_PORT));
        // Each has ports of its own, so that one can see who is connected to which.
        let members = machines.into_iter().zip(CLIENT_PORT..).enumerate().map(|(number, (machine, port))| {
            let others = routes.into_iter().filter(|route| *route != routes[number]);
            let membership = membership(number, routes[number], others, "");
            Member { address: at(&machine, port), membership, machine: Some(machine) }
        });
        Self::of(members.collect(), Routes::between(&[]).await?, dir, logs, durability).await
    }

    async fn of(
        members: Vec<Member>,
        routes: Routes,
        dir: &Path,
        logs: &Path,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let password = uuid::Uuid::new_v4().simple().to_string();
        let addresses = members.iter().map(|member| member.address).collect();
        let access = Access { addresses, user: USER.to_owned(), password };
        let mut nodes = Vec::new();
        for (number, Member { address, membership, machine }) in members.into_iter().enumerate() {
            let dir = dir.join(format!("nats-{number}"));
            fs::create_dir_all(&dir)?;
            write_config(&dir, &address.to_string(), &access.password, durability, Some(&membership), None)?;
            let process = spawn(&dir, logs, machine.as_ref())?;
            let (access, logs, membership) = (access.clone(), logs.to_owned(), Some(membership));
            nodes.push(Nats { dir, logs, durability, membership, room_bytes: None, address, access, process, machine });
        }
        for node in &nodes {
            until_answers(node.address).await?;
        }
        let cluster = Self { nodes, access, routes };
        cluster.until_keeps().await?;
        Ok(cluster)
    }

    /// One of the servers, from 0.
    pub fn node(&mut self, number: usize) -> &mut Nats {
        &mut self.nodes[number]
    }

    /// What lies between them, where they are all on this machine.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Makes this server the leader of every stream.
    ///
    /// # Errors
    /// When it does not become so.
    pub async fn lead(&self, number: usize) -> anyhow::Result<()> {
        let (client, context) = (self.access.connect().await?, self.context().await?);
        let leader = format!("node-{number}");
        until("the server leads every stream", async || {
            let streams: Vec<_> = context.streams().try_collect().await?;
            let is_led =
                |info: &stream::Info| info.cluster.as_ref().is_some_and(|c| c.leader.as_ref() == Some(&leader));
            let others: Vec<_> = streams.iter().filter(|info| !is_led(info)).collect();
            for info in &others {
                let wish = format!(r#"{{"placement":{{"preferred":"{leader}"}}}}"#);
                client.request(format!("$JS.API.STREAM.LEADER.STEPDOWN.{}", info.config.name), wish.into()).await?;
            }
            Ok(holds(others.is_empty()))
        })
        .await
    }

    /// The number of the server that has the consumer behind a cursor of this output.
    ///
    /// # Errors
    /// When NATS does not say.
    pub async fn server_of_cursor(&self, output: OutputId) -> anyhow::Result<usize> {
        let (context, prefix) = (self.context().await?, output.0.simple().to_string());
        until("a server has the cursor's consumer", async || {
            let streams: Vec<_> = context.streams().try_collect().await?;
            for info in streams.iter().filter(|info| info.config.name.starts_with("EVENT_")) {
                let stream = context.get_stream(&info.config.name).await?;
                let consumers: Vec<_> = stream.consumers().try_collect().await?;
                let consumer = consumers.into_iter().find(|consumer| consumer.name.starts_with(&prefix));
                if let Some(leader) = consumer.and_then(|consumer| consumer.cluster?.leader) {
                    return Ok(leader.strip_prefix("node-").and_then(|number| number.parse().ok()));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits until every stream has every copy current: only then may another server go.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn until_current(&self) -> anyhow::Result<()> {
        let context = self.context().await?;
        until("every copy of every stream is current", async || {
            let mut names = context.stream_names();
            while let Ok(Some(name)) = names.try_next().await {
                let Ok(stream) = context.get_stream(&name).await else { return Ok(None) };
                let copies = stream.cached_info().cluster.as_ref().map(|cluster| cluster.replicas.clone());
                let current = copies.unwrap_or_default().iter().filter(|copy| copy.current && !copy.offline).count();
                if current < SERVERS - 1 {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await
    }

    /// Waits until a message can be kept by all three.
    async fn until_keeps(&self) -> anyhow::Result<()> {
        let context = self.context().await?;
        let config = stream::Config { name: "PROBE".to_owned(), num_replicas: SERVERS, ..Default::default() };
        until("the cluster takes a stream", async || Ok(holds(context.create_stream(config.clone()).await.is_ok())))
            .await?;
        context.delete_stream("PROBE").await.map(drop).context("delete the probe")
    }

    async fn context(&self) -> anyhow::Result<jetstream::Context> {
        Ok(jetstream::new(self.access.connect().await?))
    }
}

impl Nats {
    /// Destroys everything that it keeps. It must not run.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn wipe(&self) -> anyhow::Result<()> {
        fs::remove_dir_all(self.store()).context("wipe a nats-server")
    }
}

/// What makes a server one of three, in its configuration; `rest` is what else it says of its routes.
fn membership(number: usize, route: SocketAddr, others: impl Iterator<Item = SocketAddr>, rest: &str) -> String {
    let others = others.map(|other| format!("\"nats://{other}\"")).collect::<Vec<_>>().join(", ");
    format!(
        r#"server_name: "node-{number}"
cluster {{ name: "e2e", listen: "{route}", routes: [{others}], ping_interval: "5s"{rest} }}"#
    )
}

/// Free addresses on this machine. All are taken at once, so that they differ.
fn addresses() -> anyhow::Result<Vec<SocketAddr>> {
    let listeners = (0..SERVERS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    Ok(listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}
