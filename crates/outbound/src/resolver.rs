//! Names to addresses: by the system, or by the name servers that the operator gives.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::lookups::Lookups;
use crate::net;

/// Finds the addresses of a name.
#[derive(Debug)]
pub struct Resolver(By);

#[derive(Debug)]
enum By {
    System(Lookups),
    Servers(Box<TokioResolver>),
}

/// The name servers cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up a resolver for the given name servers")]
pub struct InvalidServers(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Resolver {
    /// A resolver that asks the system, with its hosts file.
    pub fn system() -> Self {
        Self(By::System(Lookups::default()))
    }

    /// A resolver that asks these name servers and nobody else, over UDP and, for large answers, TCP.
    ///
    /// # Errors
    /// When the library refuses them.
    pub fn of_servers(servers: &[SocketAddr]) -> Result<Self, InvalidServers> {
        let name_server = |server: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.to_vec())
        };
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(name_server).collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options: &mut ResolverOpts = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|err| InvalidServers(Box::new(err)))?;
        Ok(Self(By::Servers(Box::new(resolver))))
    }

    /// The addresses of `host` now. A literal address is its own.
    ///
    /// # Errors
    /// What the resolver says, or `NotFound` when the name has no address.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match &self.0 {
            By::System(lookups) => {
                let found = lookups.find(host, |host| async move {
                    let found = net::resolve(&host, 0).await?;
                    Ok(found.iter().map(SocketAddr::ip).collect())
                });
                let found = found.await?;
                Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
            }
            By::Servers(resolver) => {
                let found = resolver.lookup_ip(fully_qualified(host)).await.map_err(io::Error::other)?;
                let found: Vec<_> = found.iter().map(|address| SocketAddr::new(address, port)).collect();
                net::not_empty(found)
            }
        }
    }
}

/// The name as the root sees it: the operator's own domains are no part of a customer's name.
fn fully_qualified(host: &str) -> String {
    format!("{}.", host.trim_end_matches('.'))
}
