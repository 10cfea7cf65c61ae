//! The guard of attempts that the relay itself makes: public addresses, and what its operator allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::reason::Reason;

use crate::guard::{Guard, embedded, is_metadata};

/// Ports below this one belong to services of the system; of these only HTTP's own may be called.
const SYSTEM_PORTS_END: u16 = 1024;
/// HTTP's own ports.
const HTTP_PORTS: [u16; 2] = [80, 443];
/// The ports of the NATS that the relay itself uses, which may have public addresses: clients,
/// cluster, leaf nodes, gateways, monitoring.
const OWN_PORTS: [u16; 5] = [4222, 6222, 7422, 7222, 8222];

/// IPv4 networks without public servers (RFC 6890 and its registry), and what they are.
const NOT_PUBLIC_V4: [(Ipv4Net, Reason); 17] = [
    (v4(0, 0, 0, 0, 8), Reason::Reserved),
    (v4(10, 0, 0, 0, 8), Reason::Private),
    (v4(100, 64, 0, 0, 10), Reason::Private),
    (v4(127, 0, 0, 0, 8), Reason::Loopback),
    (v4(169, 254, 0, 0, 16), Reason::LinkLocal),
    (v4(172, 16, 0, 0, 12), Reason::Private),
    (v4(192, 0, 0, 0, 24), Reason::Reserved),
    (v4(192, 0, 2, 0, 24), Reason::Reserved),
    (v4(192, 31, 196, 0, 24), Reason::Reserved),
    (v4(192, 52, 193, 0, 24), Reason::Reserved),
    (v4(192, 88, 99, 0, 24), Reason::Reserved),
    (v4(192, 168, 0, 0, 16), Reason::Private),
    (v4(198, 18, 0, 0, 15), Reason::Reserved),
    (v4(198, 51, 100, 0, 24), Reason::Reserved),
    (v4(203, 0, 113, 0, 24), Reason::Reserved),
    (v4(224, 0, 0, 0, 4), Reason::Reserved),
    (v4(240, 0, 0, 0, 4), Reason::Reserved),
];

/// IPv6 networks that say what they are.
const NOT_PUBLIC_V6: [(Ipv6Net, Reason); 11] = [
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Reason::Reserved), // Teredo and other protocols
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Reason::Reserved), // documentation
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Reason::Reserved), // 6to4
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), Reason::Reserved), // AS112
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Reason::Reserved), // documentation
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Reason::Loopback),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Reason::Private), // unique local
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Reason::Private), // site-local
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Reason::LinkLocal),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), Reason::Reserved), // NAT64
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Reason::Reserved), // NAT64 of one network
];

/// Where public servers are (RFC 4291, section 2.4). Whatever lies outside of it is none:
/// multicast, SRv6, discard-only, IPv4-compatible, and what is not given out yet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Lets attempts go to public addresses, and to the networks that the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Public {
    allowed: Vec<IpNet>,
}

impl Public {
    /// A guard that also lets through what lies in `allowed`; a metadata address only if one of
    /// them is exactly this address. An IPv4 address is asked about as such, however it is written.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    fn check_ip(&self, address: IpAddr) -> Result<(), Reason> {
        let address = address.to_canonical();
        if is_metadata(address) && !self.allowed.contains(&IpNet::from(address)) {
            return Err(Reason::Metadata);
        }
        match self.allowed.iter().any(|network| network.contains(&address)) {
            false => not_public(address).map_or(Ok(()), Err),
            // To allow a NAT64 is not to allow what is behind it.
            true if embedded(address) != address => self.check_ip(embedded(address)),
            true => Ok(()),
        }
    }
}

impl Guard for Public {
    fn check_host(&self, host: &str) -> Result<(), Reason> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        // Multicast DNS (RFC 6762): whoever answers first in the operator's own network.
        match name == "local" || name.ends_with(".local") {
            true => Err(Reason::LocalName),
            false => Ok(()),
        }
    }

    fn check_address(&self, address: SocketAddr) -> Result<(), Reason> {
        let port = address.port();
        if OWN_PORTS.contains(&port) || (port < SYSTEM_PORTS_END && !HTTP_PORTS.contains(&port)) {
            return Err(Reason::Port);
        }
        self.check_ip(address.ip())
    }
}

/// What an address is, if no public server can have it.
fn not_public(address: IpAddr) -> Option<Reason> {
    match address {
        IpAddr::V4(address) => {
            NOT_PUBLIC_V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, reason)| *reason)
        }
        IpAddr::V6(address) => {
            let named = NOT_PUBLIC_V6.iter().find(|(network, _)| network.contains(&address));
            let outside = (!GLOBAL_V6.contains(&address)).then_some(Reason::Reserved);
            named.map(|(_, reason)| *reason).or(outside)
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(s: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), bits)
}

#[cfg(test)]
mod tests;
