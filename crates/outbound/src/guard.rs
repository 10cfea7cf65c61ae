//! Where attempts may connect to: the caller's rules, asked about the address that is used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::reason::Reason;

/// Addresses under which clouds hand out credentials of the machine; that of Azure's agent is a public one. Rules that open a network do
/// not open these; only one that names the very address does.
const METADATA: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Says where an attempt may go.
///
/// An address that passes is connected to as it is: nothing is looked up again between the check
/// and the connection. Of a name with several addresses those that pass are used, since one
/// that is forbidden does no harm where it is not connected to, and resolvers of networks without
/// IPv4 add addresses of their own (RFC 6147) to names that have good ones.
pub trait Guard: Send + Sync {
    /// Whether a host, by name or address as the destination writes it, may be looked up at all.
    ///
    /// # Errors
    /// Why not.
    fn check_host(&self, host: &str) -> Result<(), Reason>;

    /// Whether a connection to this address may be made, be it a new one or one that is open.
    ///
    /// # Errors
    /// Why not.
    fn check_address(&self, address: SocketAddr) -> Result<(), Reason>;
}

/// Whether clouds hand out credentials at this address, however it is written.
pub fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&embedded(address))
}

/// The IPv4 address that an IPv6 address stands for, mapped (RFC 4291, section 2.5.5.2) or by
/// NAT64 (RFC 6052, section 2.1); any other as it is.
pub fn embedded(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        canonical => canonical,
    }
}
