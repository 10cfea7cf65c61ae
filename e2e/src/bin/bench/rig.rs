//! A relay as people run it: one server with all roles and a NATS of its own, and an agent.

use std::path::{Path, PathBuf};

use e2e::nats::Durability;
use e2e::{Agent, Server, World};
use serde_json::{Value, json};

use crate::traffic::Traffic;

/// The server, its agent, and buckets with one output each.
pub(crate) struct Rig {
    _agent: Agent,
    pub(crate) server: Server,
    pub(crate) traffic: Traffic,
    _world: World,
}

impl Rig {
    /// Starts everything.
    pub(crate) async fn start(durability: Durability, buckets: usize) -> anyhow::Result<Self> {
        Self::start_with(durability, buckets, json!({})).await
    }

    /// As [`Rig::start`]; `more` has further fields of each bucket.
    pub(crate) async fn start_with(durability: Durability, buckets: usize, more: Value) -> anyhow::Result<Self> {
        let world = World::new()?;
        let plan = world.server("relay").args(["--durability", durability.as_str(), "--log", "warn"]);
        let server = plan.start().await?;
        let api = server.api()?;
        let mut traffic = Traffic::new(server.address())?;
        let token = api.make_token(json!({})).await?;
        for number in 0..buckets {
            let bucket = api.make_bucket(&format!("bucket-{number}"), more.clone()).await?;
            api.make_output(&bucket, &traffic.destination.url(&format!("/{number}")), json!({})).await?;
            traffic.buckets.push(bucket);
        }
        let agent = world.agent("agent").token(&token).server(&server).serves_all().start()?;
        traffic.warm_up().await?;
        Ok(Self { _agent: agent, server, traffic, _world: world })
    }

    /// The directory in which its NATS keeps messages.
    pub(crate) fn store(&self) -> PathBuf {
        self.server.data_dir().join("nats/store")
    }
}

/// The bytes of all files below a directory.
pub(crate) fn bytes_in(dir: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        bytes += match path.is_dir() {
            true => bytes_in(&path),
            false => path.metadata().map_or(0, |meta| meta.len()),
        };
    }
    bytes
}
