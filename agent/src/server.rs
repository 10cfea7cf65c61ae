//! The relay's server as the agent and the command line reach it.

use std::io;
use std::net::SocketAddr;

use model::destination::{Destination, InvalidDestination};
use outbound::net::{self, ConnectError, Stream};
use outbound::tls::{self, Tls};
use rand::seq::SliceRandom;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;

use crate::proxy::{Proxies, Proxy, TunnelError};

/// Where the server is, and what is believed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    url: Destination,
    trust: Trust,
    proxies: Proxies,
}

/// What is believed of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates that are trusted beside the system's.
    pub roots: Vec<CertificateDer<'static>>,
    /// Any certificate is taken.
    pub any_certificate: bool,
    /// Credentials may be sent without TLS to other machines.
    pub plaintext_anywhere: bool,
}

/// Why the server could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// It would have taken credentials over the network in the clear. Trying again does not help.
    #[error("{0} is not this machine and speaks no TLS; use https://, or allow it with --insecure-plaintext")]
    Plaintext(String),
    /// Its name does not resolve.
    #[error("cannot resolve {host}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// No connection.
    #[error("cannot reach {address}")]
    Connect {
        /// Host and port.
        address: String,
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// No tunnel through a proxy.
    #[error("cannot reach {address} through the proxy {proxy}")]
    Tunnel {
        /// Host and port of the server.
        address: String,
        /// Host and port of the proxy.
        proxy: String,
        /// Why.
        #[source]
        source: TunnelError,
    },
    /// What came back is not TLS.
    #[error("{0} does not speak TLS; say http:// if it is not meant to")]
    NotTls(String),
    /// No TLS.
    #[error("cannot speak TLS with {host}")]
    Tls {
        /// The name that the certificate was to carry.
        host: String,
        /// Why.
        #[source]
        source: tls::Error,
    },
}

impl Server {
    /// The server at `address`: a URL, or host and port, which mean TLS unless they name this machine.
    ///
    /// # Errors
    /// When the address cannot be read.
    pub fn new(address: &str, trust: Trust) -> Result<Self, InvalidDestination> {
        if address.contains("://") {
            return Ok(Self { url: Destination::parse(address)?, trust, proxies: Proxies::default() });
        }
        let url = Destination::parse(&format!("http://{address}"))?;
        let is_here = url.host == "localhost" || url.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let url = if is_here { url } else { Destination::parse(&format!("https://{address}"))? };
        Ok(Self { url, trust, proxies: Proxies::default() })
    }

    /// The same server, reached through these proxies where TLS is spoken: what goes in the clear
    /// is for this machine, or for a network that its owner trusts.
    #[must_use]
    pub fn through(self, proxies: Proxies) -> Self {
        Self { proxies, ..self }
    }

    /// Whether TLS is spoken.
    pub fn tls(&self) -> bool {
        self.url.tls
    }

    /// Host and, if need be, port, as in a URL.
    pub fn authority(&self) -> &str {
        &self.url.authority
    }

    /// The request target for `path`, which starts with a slash, below the server's own path.
    pub fn target(&self, path: &str) -> String {
        let target = self.url.target(path.as_bytes(), None, false);
        target.map_or_else(|_| path.to_owned(), |target| String::from_utf8_lossy(&target).into_owned())
    }

    /// The URL of `path` on this server.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.url.tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.url.authority, self.target(path))
    }

    /// How this server's connections are secured, offering the protocol `alpn`.
    pub fn secure(&self, alpn: &'static [u8]) -> Tls {
        Tls::new(alpn, self.trust.roots.clone())
    }

    /// Connects to one of the server's addresses, as they are now, in random order; or through the
    /// proxy, which resolves the name itself.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial(&self, tls: &Tls) -> Result<Stream, DialError> {
        let Destination { host, port, .. } = &self.url;
        if !self.url.tls {
            let only_here = !self.trust.plaintext_anywhere;
            return Ok(Stream::Plain(self.connect(host, *port, only_here).await?));
        }
        let stream = match self.proxies.to(host, *port) {
            None => self.connect(host, *port, false).await?,
            Some(proxy) => self.tunnel(proxy).await?,
        };
        let secured = tls.connect(host, !self.trust.any_certificate, stream).await;
        let stream = secured.map_err(|source| match source.is_plaintext() {
            true => DialError::NotTls(self.url.authority.clone()),
            false => DialError::Tls { host: host.clone(), source },
        })?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    async fn connect(&self, host: &str, port: u16, only_here: bool) -> Result<TcpStream, DialError> {
        let resolved = net::resolve(host, port).await;
        let mut addresses = resolved.map_err(|source| DialError::Resolve { host: host.to_owned(), source })?;
        if only_here {
            addresses.retain(is_here);
            if addresses.is_empty() {
                return Err(DialError::Plaintext(self.url.authority.clone()));
            }
        }
        addresses.shuffle(&mut rand::rng());
        let connected = net::connect(&addresses).await;
        connected.map_err(|source| DialError::Connect { address: format!("{host}:{port}"), source })
    }

    async fn tunnel(&self, proxy: &Proxy) -> Result<TcpStream, DialError> {
        let Destination { host, port, .. } = &self.url;
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut stream = self.connect(&proxy.host, proxy.port, false).await?;
        match proxy.tunnel(&mut stream, &address).await {
            Ok(()) => Ok(stream),
            Err(source) => Err(DialError::Tunnel { address, proxy: proxy.to_string(), source }),
        }
    }
}

fn is_here(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str) -> Server {
        Server::new(address, Trust::default()).unwrap()
    }

    #[test]
    fn an_address_without_a_scheme_means_tls_unless_it_is_here() {
        for (address, url) in [
            ("https://relay.example", "https://relay.example/v1/x"),
            ("http://relay.example:8080/below/", "http://relay.example:8080/below/v1/x"),
            ("relay.example:8443", "https://relay.example:8443/v1/x"),
            ("localhost:8080", "http://localhost:8080/v1/x"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/v1/x"),
            ("[::1]:8080", "http://[::1]:8080/v1/x"),
        ] {
            assert_eq!(server(address).url("/v1/x"), url);
        }
        assert!(Server::new("http://", Trust::default()).is_err());
    }

    #[tokio::test]
    async fn credentials_do_not_leave_the_machine_in_the_clear() {
        let tls = Tls::new(b"h2", Vec::new());
        let refused = server("http://192.0.2.1:1").dial(&tls).await;
        assert!(matches!(refused, Err(DialError::Plaintext(_))), "{refused:?}");
        let here = server("http://localhost:1").dial(&tls).await;
        assert!(matches!(here, Err(DialError::Connect { source: ConnectError::Refused, .. })), "{here:?}");
        let told = Trust { plaintext_anywhere: true, ..Trust::default() };
        let unresolved = Server::new("http://does-not-exist.invalid", told).unwrap().dial(&tls).await;
        assert!(matches!(unresolved, Err(DialError::Resolve { .. })), "{unresolved:?}");
    }
}
