//! The NATS that a relay stands on.

use clap::ValueEnum;
use e2e::nats::Access;
use e2e::{Cluster, Nats, World};

/// What is set up for a run of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setting {
    /// One nats-server.
    One,
    /// Three nats-servers, everything kept three times.
    Three,
}

/// The NATS servers of a setting.
pub(crate) enum Broker {
    /// One.
    One(Box<Nats>),
    /// Three that share everything.
    Three(Cluster),
}

impl Setting {
    /// Every setting, in the order in which they are run.
    pub(crate) const ALL: [Self; 2] = [Self::One, Self::Three];

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Three => "three",
        }
    }

    /// As a heading says it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::One => "One NATS server",
            Self::Three => "Three NATS servers",
        }
    }

    /// Starts its servers.
    pub(crate) async fn start(self, world: &World) -> anyhow::Result<Broker> {
        match self {
            Self::One => Ok(Broker::One(Box::new(world.nats().await?))),
            Self::Three => Ok(Broker::Three(world.cluster().await?)),
        }
    }
}

impl AsRef<Access> for Broker {
    fn as_ref(&self) -> &Access {
        match self {
            Self::One(nats) => nats.access(),
            Self::Three(cluster) => cluster.as_ref(),
        }
    }
}

impl Broker {
    /// How many servers there are.
    pub(crate) fn count(&self) -> usize {
        self.as_ref().addresses.len()
    }

    /// One of them.
    pub(crate) fn node(&mut self, number: usize) -> &mut Nats {
        match self {
            Self::One(nats) => nats,
            Self::Three(cluster) => cluster.node(number),
        }
    }

    /// Waits until another server may go: until everything has all its copies.
    pub(crate) async fn until_current(&self) -> anyhow::Result<()> {
        match self {
            Self::One(_) => Ok(()),
            Self::Three(cluster) => cluster.until_current().await,
        }
    }
}
