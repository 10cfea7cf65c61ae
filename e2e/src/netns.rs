//! A network of a test's own, for root: a namespace with a cable to this machine, which can be made
//! narrow, or pulled.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use crate::disk::run;

/// A namespace, and the cable to it. Both go when this is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    /// Our end of the cable.
    cable: String,
    host: Ipv4Addr,
}

impl Namespace {
    /// An empty one.
    ///
    /// # Errors
    /// When it cannot be made, as by anyone but root, or where iproute2 is missing.
    pub fn make() -> anyhow::Result<Self> {
        let random = uuid::Uuid::new_v4();
        let [.., third, fourth] = *random.as_bytes();
        let short: String = random.simple().to_string().chars().take(8).collect();
        // Of the block for benchmarks (RFC 2544): no machine's own network is there.
        let [host, guest] = [1, 2].map(|last| Ipv4Addr::new(198, 18 + (third & 1), fourth, last));
        let namespace = Self { name: format!("relay-{short}"), cable: format!("r{short}"), host };
        let (name, cable) = (namespace.name.as_str(), namespace.cable.as_str());
        ip(&["netns", "add", name])?;
        ip(&["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        ip(&["addr", "add", &format!("{host}/24"), "dev", cable])?;
        ip(&["link", "set", cable, "up"])?;
        ip(&["-n", name, "addr", "add", &format!("{guest}/24"), "dev", "eth0"])?;
        ip(&["-n", name, "link", "set", "eth0", "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Where those inside reach this machine.
    pub fn host(&self) -> Ipv4Addr {
        self.host
    }

    /// A command that runs a program inside.
    pub fn command(&self, program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// Lets so much pass each way: `1mbit`, as tc(8) says it.
    ///
    /// # Errors
    /// Where tc is missing.
    pub fn narrow(&self, rate: &str) -> anyhow::Result<()> {
        let filter = ["root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms"];
        run(Command::new("tc").args(["qdisc", "add", "dev", &self.cable]).args(filter))?;
        run(Command::new("tc").args(["-n", &self.name, "qdisc", "add", "dev", "eth0"]).args(filter))
    }

    /// Pulls the cable: nothing passes, and nobody is told.
    ///
    /// # Errors
    /// Those of ip(8).
    pub fn pull(&self) -> anyhow::Result<()> {
        ip(&["-n", &self.name, "link", "set", "eth0", "down"])
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// Those of ip(8).
    pub fn plug(&self) -> anyhow::Result<()> {
        ip(&["-n", &self.name, "link", "set", "eth0", "up"])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cable goes with its other end; there is nobody to tell what did not go.
        let _ = ip(&["link", "delete", &self.cable]);
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(args: &[&str]) -> anyhow::Result<()> {
    run(Command::new("ip").args(args))
}
