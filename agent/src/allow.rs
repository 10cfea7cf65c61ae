//! The owner's list of destinations that the agent may call, whatever the server says.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use model::destination::Destination;
use model::reason::Reason;
use outbound::Guard;
use outbound::guard::{embedded, is_metadata};

/// One `--allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A host by name or address, on every port or on one.
    Host {
        /// As destinations write it, in lower case, without brackets.
        host: String,
        /// The one port, if the rule names one.
        port: Option<u16>,
    },
    /// Every destination whose address lies in a network.
    Network(IpNet),
    /// Every destination below a URL.
    Url {
        /// Scheme, host and port that must be equal.
        base: Destination,
        /// The path that must come first, without a slash at the end.
        path: Vec<u8>,
    },
}

/// A text that is no [`Rule`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// Something before a slash that is no address, or a number behind it that is no length.
    #[error("not a network such as 10.0.0.0/8")]
    Network,
    /// A URL that no request could go to.
    #[error("not a URL that can be called")]
    Url,
    /// Neither a host nor a host and a port.
    #[error("not a host, host:port, network or URL")]
    Host,
}

/// The owner's list. Empty means everything but metadata addresses.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    rules: Vec<Rule>,
}

/// What was found about one destination: the addresses that it may be called at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    any_address: bool,
    networks: Vec<IpNet>,
    metadata: Vec<IpAddr>,
}

impl Allow {
    /// A list of these rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// What the rules say about a request for `target` at `destination`; the address is
    /// asked about later, when the name has been resolved. `None`: not allowed at any address.
    pub fn permit(&self, destination: &Destination, target: &[u8]) -> Option<Permit> {
        let host = spelled(&destination.host);
        let mut permit = Permit { any_address: self.rules.is_empty(), networks: Vec::new(), metadata: Vec::new() };
        for rule in &self.rules {
            match rule {
                Rule::Host { host: allowed, port } => {
                    if *allowed == host && port.is_none_or(|port| port == destination.port) {
                        permit.any_address = true;
                        permit.metadata.extend(literal(allowed));
                    }
                }
                Rule::Network(network) => {
                    permit.networks.push(*network);
                    if network.prefix_len() == network.max_prefix_len() {
                        permit.metadata.push(network.addr());
                    }
                }
                Rule::Url { base, path } => {
                    if is_below(destination, target, base, path) {
                        permit.any_address = true;
                        permit.metadata.extend(literal(&base.host));
                    }
                }
            }
        }
        (permit.any_address || !permit.networks.is_empty()).then_some(permit)
    }
}

impl Guard for Permit {
    /// Any: the list was asked about the host already.
    fn check_host(&self, _host: &str) -> Result<(), Reason> {
        Ok(())
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), Reason> {
        let address = embedded(address.ip());
        if !self.any_address && !self.networks.iter().any(|network| network.contains(&address)) {
            return Err(Reason::NotAllowedByAgent);
        }
        match is_metadata(address) && !self.metadata.contains(&address) {
            true => Err(Reason::Metadata),
            false => Ok(()),
        }
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        if text.contains("://") {
            let base = Destination::parse(text).map_err(|_| InvalidRule::Url)?;
            let target = base.target(b"", None, true).map_err(|_| InvalidRule::Url)?;
            let path = target.split(|b| *b == b'?').next().unwrap_or_default();
            let path = path.strip_suffix(b"/").unwrap_or(path).to_vec();
            return Ok(Self::Url { base, path });
        }
        if text.contains('/') {
            return text.parse().map(Self::Network).map_err(|_| InvalidRule::Network);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Host { host: address.to_string(), port: None });
        }
        // A host with or without a port reads like the authority of a URL.
        let as_url = Destination::parse(&format!("http://{text}")).map_err(|_| InvalidRule::Host)?;
        if as_url.target(b"", None, true).is_ok_and(|target| target != "/"[..]) {
            return Err(InvalidRule::Host);
        }
        let with_port = as_url.authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        let port = with_port.then_some(as_url.port);
        Ok(Self::Host { host: spelled(&as_url.host), port })
    }
}

fn is_below(destination: &Destination, target: &[u8], base: &Destination, path: &[u8]) -> bool {
    let same_place = destination.tls == base.tls
        && destination.port == base.port
        && spelled(&destination.host) == spelled(&base.host);
    let Some(rest) = target.strip_prefix(path).filter(|_| same_place) else { return false };
    let at_segment = matches!(rest.first(), None | Some(b'/' | b'?'));
    let rest_path = rest.split(|b| *b == b'?').next().unwrap_or_default();
    // `..` in what follows could lead out again; the join itself refuses that.
    at_segment && base.target(rest_path, None, false).is_ok()
}

/// The one spelling of a host: names in lower case, addresses as they are printed.
fn spelled(host: &str) -> String {
    literal(host).map_or_else(|| host.to_ascii_lowercase(), |address| address.to_string())
}

fn literal(host: &str) -> Option<IpAddr> {
    host.parse().ok()
}

#[cfg(test)]
mod tests;
