//! The owner's list of destinations that the agent may call, whatever the server says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use model::destination::Destination;

/// Addresses under which clouds hand out credentials of the machine. They are called only
/// when a rule names the very address.
const METADATA: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

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
    Network {
        /// Any address of the network.
        address: IpAddr,
        /// How many leading bits must agree.
        bits: u8,
    },
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
    networks: Vec<(IpAddr, u8)>,
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
                Rule::Network { address, bits } => {
                    permit.networks.push((*address, *bits));
                    if *bits == width(*address) {
                        permit.metadata.push(*address);
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

impl Permit {
    /// Whether a connection to this address may be made.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = embedded(address);
        let inside = |(network, bits): &(IpAddr, u8)| contains(*network, *bits, address);
        let listed = self.any_address || self.networks.iter().any(inside);
        listed && (!METADATA.contains(&address) || self.metadata.contains(&address))
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
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| InvalidRule::Network)?;
            let bits: u8 = bits.parse().map_err(|_| InvalidRule::Network)?;
            return match bits <= width(address) {
                true => Ok(Self::Network { address, bits }),
                false => Err(InvalidRule::Network),
            };
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

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let agree = |a: u128, b: u128, width: u32| bits == 0 || (a ^ b) >> (width - u32::from(bits)) == 0;
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => agree(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => agree(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

/// The IPv4 address that an IPv6 address stands for, mapped (RFC 4291, section 2.5.5.2) or by
/// NAT64 (RFC 6052, section 2.1); any other as it is.
fn embedded(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        canonical => canonical,
    }
}

#[cfg(test)]
mod tests;
