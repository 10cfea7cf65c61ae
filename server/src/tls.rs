//! TLS for callers: from certificate files, from a certificate authority of our own, or ordered.

mod end;
mod files;
mod names;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::Context;
use model::UnixMs;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use telemetry::Stop;
use tokio_rustls::TlsAcceptor;

use crate::acme::{self, Shelf};
use crate::certs::{Authority, RENEW_BEFORE};
pub(crate) use end::{register, validity};
use files::Files;
pub use files::Pair;
pub(crate) use names::names;

/// What HTTP is offered inside TLS, the best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From files; the first is for callers who name no host, or none of those in the others.
    Files(Vec<Pair>),
    /// From an authority that is kept in `dir` and made there where there is none.
    LocalAuthority {
        /// Its directory.
        dir: PathBuf,
        /// The names by which clients call us.
        names: Vec<String>,
    },
    /// From nowhere: there are those alone that are ordered.
    Ordered,
}

/// The certificates of a server. Each handshake gets the one that is current then.
#[derive(Debug)]
pub struct Certificates {
    own: Own,
    /// Those that are ordered, if any are.
    shelf: Option<Arc<Shelf>>,
}

#[derive(Debug)]
enum Own {
    Files(Files),
    Local(Box<Renewing>),
    None,
}

impl Certificates {
    /// Reads or makes them.
    ///
    /// # Errors
    /// Where files cannot be read or written, or hold no matching pair.
    pub fn open(source: &Source) -> anyhow::Result<Self> {
        let own = match source {
            Source::Files(pairs) => Own::Files(Files::open(pairs.clone())?),
            Source::LocalAuthority { dir, names } => {
                let authority = Authority::open(dir, SystemTime::now())?;
                Own::Local(Box::new(Renewing::new(authority, names.clone(), SystemTime::now())?))
            }
            Source::Ordered => Own::None,
        };
        Ok(Self { own, shelf: None })
    }

    /// And these, which go before its own.
    #[must_use]
    pub fn with(self, shelf: Arc<Shelf>) -> Self {
        Self { shelf: Some(shelf), ..self }
    }

    /// TLS 1.2 and 1.3 with these certificates, with HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When the library refuses its configuration.
    pub fn acceptor(self: Arc<Self>) -> anyhow::Result<TlsAcceptor> {
        let has_shelf = self.shelf.is_some();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("set up TLS")?
            .with_no_client_auth()
            .with_cert_resolver(self);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        if has_shelf {
            config.alpn_protocols.push(acme::ALPN.to_vec());
        }
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// When the first of our own ends, be it in the past.
    fn own_end(&self, now: SystemTime) -> Option<UnixMs> {
        match &self.own {
            Own::Files(files) => files.first_end(),
            Own::Local(renewing) => validity(&renewing.at(now)).ok().map(|(_, end)| end),
            Own::None => None,
        }
    }

    /// When the first of those ends that were ordered. Those that ended long ago are not told: their
    /// domains have moved away, and their owners see it.
    fn domains_end(&self, now: SystemTime) -> Option<UnixMs> {
        self.shelf.as_ref()?.first_end(now.into())
    }

    /// Keeps them current until told to stop.
    pub async fn run(&self, stop: &Stop) {
        match &self.own {
            Own::Files(files) => files.run(stop).await,
            // Made anew when a handshake finds that it is time.
            Own::Local(_) | Own::None => stop.given().await,
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name();
        if let Some(shelf) = &self.shelf {
            if is_challenge(&hello) {
                return shelf.challenge(host?);
            }
            if let Some(ordered) = host.and_then(|host| shelf.of(host)) {
                return Some(ordered);
            }
        }
        match &self.own {
            Own::Files(files) => Some(files.of(host)),
            Own::Local(renewing) => Some(renewing.at(SystemTime::now())),
            Own::None => None,
        }
    }
}

/// Whether it is an authority that makes sure of a name: it offers that protocol and no other.
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
    offered == [acme::ALPN]
}

/// A certificate that is made anew before it ends, without a restart. It is kept in memory only:
/// clients trust the authority, so another one at each start is nothing to them.
#[derive(Debug)]
struct Renewing {
    authority: Authority,
    names: Vec<String>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    made_at: SystemTime,
}

impl Renewing {
    fn new(authority: Authority, names: Vec<String>, now: SystemTime) -> anyhow::Result<Self> {
        let key = Arc::new(authority.issue(&names, now)?.certified()?);
        Ok(Self { authority, names, current: RwLock::new(Current { key, made_at: now }) })
    }

    fn at(&self, now: SystemTime) -> Arc<CertifiedKey> {
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            // A certificate lives several times as long as this.
            if now.duration_since(current.made_at).is_ok_and(|age| age < RENEW_BEFORE) {
                return Arc::clone(&current.key);
            }
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match self.authority.issue(&self.names, now).and_then(|issued| issued.certified()) {
            Ok(key) => *current = Current { key: Arc::new(key), made_at: now },
            Err(err) => {
                tracing::error!(error = format!("{err:#}"), "our certificate cannot be made anew, serving the old one");
            }
        }
        Arc::clone(&current.key)
    }
}

#[cfg(test)]
mod tests;
