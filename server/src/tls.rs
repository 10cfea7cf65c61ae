//! TLS for callers: from certificate files, or from a certificate authority of our own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::Context;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::TlsAcceptor;

use crate::certs::{Authority, Issued, RENEW_BEFORE};

/// What HTTP is offered inside TLS, the best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From files in PEM; the certificate file holds the whole chain.
    Files {
        /// The certificate and those between it and the authority.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// From an authority that is kept in `dir` and made there where there is none.
    LocalAuthority {
        /// Its directory.
        dir: PathBuf,
        /// The names by which clients call us.
        names: Vec<String>,
    },
}

impl Source {
    /// Reads or makes the certificate: TLS 1.2 and 1.3, with HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// Where files cannot be read or written, or hold no matching pair.
    pub fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let resolver: Arc<dyn ResolvesServerCert> = match self {
            Self::Files { cert, key } => Arc::new(SingleCertAndKey::from(read_pair(cert, key)?)),
            Self::LocalAuthority { dir, names } => {
                let authority = Authority::open(dir, SystemTime::now())?;
                Arc::new(Renewing::new(authority, names.clone(), SystemTime::now())?)
            }
        };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("set up TLS")?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn read_pair(cert: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    Issued { cert_pem: read(cert)?, key_pem: read(key)? }
        .certified()
        .with_context(|| format!("use {} with {}", cert.display(), key.display()))
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

impl ResolvesServerCert for Renewing {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.at(SystemTime::now()))
    }
}

#[cfg(test)]
mod tests;
