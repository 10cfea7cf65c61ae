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
use crate::wait::{holds, until};

/// How many servers there are.
pub const SERVERS: usize = 3;

/// A cluster of a test's own. Everything in it has a copy on each server.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Nats>,
    access: Access,
    routes: Routes,
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
        let password = uuid::Uuid::new_v4().simple().to_string();
        let access = Access { addresses: clients.clone(), user: USER.to_owned(), password };
        let wires = Routes::between(&routes).await?;
        let mut nodes = Vec::new();
        for (number, (address, route)) in clients.into_iter().zip(&routes).enumerate() {
            let dir = dir.join(format!("nats-{number}"));
            fs::create_dir_all(&dir)?;
            let others = wires.of(number).map(|wire| format!("\"nats://{wire}\"")).collect::<Vec<_>>().join(", ");
            let membership = membership(number, *route, &others);
            write_config(&dir, &address.port().to_string(), &access.password, durability, Some(&membership), None)?;
            let process = spawn(&dir, logs)?;
            let (access, logs, membership) = (access.clone(), logs.to_owned(), Some(membership));
            nodes.push(Nats { dir, logs, durability, membership, room_bytes: None, address, access, process });
        }
        for node in &nodes {
            until_answers(node.address).await?;
        }
        let cluster = Self { nodes, access, routes: wires };
        cluster.until_keeps().await?;
        Ok(cluster)
    }

    /// One of the servers, from 0.
    pub fn node(&mut self, number: usize) -> &mut Nats {
        &mut self.nodes[number]
    }

    /// What lies between them.
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

/// What makes a server one of three, in its configuration. The others are found through the wires
/// alone: what a server would tell them of itself leads nowhere.
fn membership(number: usize, route: SocketAddr, others: &str) -> String {
    format!(
        r#"server_name: "node-{number}"
cluster {{ name: "e2e", listen: "{route}", advertise: "127.0.0.1:9", routes: [{others}], ping_interval: "5s" }}"#
    )
}

/// Free addresses on this machine. All are taken at once, so that they differ.
fn addresses() -> anyhow::Result<Vec<SocketAddr>> {
    let listeners = (0..SERVERS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    Ok(listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}
