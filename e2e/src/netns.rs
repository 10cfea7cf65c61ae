//! Networks of a test's own, for root: a namespace with a cable to this machine or to a bridge, which
//! can be made narrow, or pulled.

use std::fs;
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
    address: Ipv4Addr,
}

/// What several namespaces are cabled to, so that they reach each other and this machine. It goes
/// when this is dropped.
#[derive(Debug)]
pub struct Bridge {
    name: String,
    host: Ipv4Addr,
}

impl Namespace {
    /// An empty one.
    ///
    /// # Errors
    /// When it cannot be made, as by anyone but root, or where iproute2 is missing.
    pub fn make() -> anyhow::Result<Self> {
        let host = network();
        let namespace = Self::cabled(host, beside(host, 1))?;
        ip(&["addr", "add", &format!("{host}/24"), "dev", &namespace.cable])?;
        Ok(namespace)
    }

    /// One with this address, its cable not yet plugged in on our side.
    fn cabled(host: Ipv4Addr, address: Ipv4Addr) -> anyhow::Result<Self> {
        let short = short();
        let namespace = Self { name: format!("relay-{short}"), cable: format!("r{short}"), host, address };
        let (name, cable) = (namespace.name.as_str(), namespace.cable.as_str());
        ip(&["netns", "add", name])?;
        ip(&["link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name])?;
        ip(&["link", "set", cable, "up"])?;
        ip(&["-n", name, "addr", "add", &format!("{address}/24"), "dev", "eth0"])?;
        ip(&["-n", name, "link", "set", "eth0", "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Where it is reached.
    pub fn address(&self) -> Ipv4Addr {
        self.address
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

impl Bridge {
    /// One with nothing at it yet.
    ///
    /// # Errors
    /// When it cannot be made, as by anyone but root, or where iproute2 is missing.
    pub fn make() -> anyhow::Result<Self> {
        let bridge = Self { name: format!("b{}", short()), host: network() };
        let name = bridge.name.as_str();
        ip(&["link", "add", name, "type", "bridge"])?;
        ip(&["addr", "add", &format!("{}/24", bridge.host), "dev", name])?;
        ip(&["link", "set", name, "up"])?;
        if is_filtered() {
            bridge.lets_pass("-I")?;
        }
        Ok(bridge)
    }

    /// Begins (`-I`) or ceases (`-D`) to let pass what goes from one at it to another.
    fn lets_pass(&self, how: &str) -> anyhow::Result<()> {
        run(Command::new("iptables").args([how, "FORWARD", "-i", &self.name, "-o", &self.name, "-j", "ACCEPT"]))
    }

    /// A namespace cabled to it, the `number`th, from 0.
    ///
    /// # Errors
    /// Those of ip(8), as where this number is taken.
    pub fn namespace(&self, number: u8) -> anyhow::Result<Namespace> {
        let namespace = Namespace::cabled(self.host, beside(self.host, number.saturating_add(1)))?;
        ip(&["link", "set", &namespace.cable, "master", &self.name])?;
        Ok(namespace)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // There is nobody to tell what did not go.
        let _ = ip(&["link", "delete", &self.name]);
        if is_filtered() {
            let _ = self.lets_pass("-D");
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The cable goes with its other end; there is nobody to tell what did not go.
        let _ = ip(&["link", "delete", &self.cable]);
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

/// Whether the firewall sees what passes a bridge, as where Docker runs, which then lets nothing pass.
fn is_filtered() -> bool {
    fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables").is_ok_and(|text| text.trim() == "1")
}

/// Our own address in a network of 256, of the block for benchmarks (RFC 2544): no machine's own
/// network is there.
fn network() -> Ipv4Addr {
    let [.., third, fourth] = *uuid::Uuid::new_v4().as_bytes();
    Ipv4Addr::new(198, 18 + (third & 1), fourth, 1)
}

/// An address so many after another one.
fn beside(address: Ipv4Addr, many: u8) -> Ipv4Addr {
    let [first, second, third, last] = address.octets();
    Ipv4Addr::new(first, second, third, last.saturating_add(many))
}

/// What no other network device is called.
fn short() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect()
}

fn ip(args: &[&str]) -> anyhow::Result<()> {
    run(Command::new("ip").args(args))
}
