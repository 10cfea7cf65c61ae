//! What is served: certificates that were ordered, and answers to challenges.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use anyhow::Context;
use model::certificate::{Challenge, Issued, Standing};
use model::{DomainId, UnixMs};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use store::Store;
use store::certificate::Change;
use telemetry::Stop;
use tokio::sync::watch;

use crate::certs;

/// The wait before the watch is set up again after it broke.
const REWATCH_WAIT: Duration = Duration::from_millis(500);

/// How long a certificate that has ended, and was not replaced, is still told of.
const ENDED_TOLD_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Certificates and challenges by host name, kept current from the store.
#[derive(Debug, Default)]
pub struct Shelf {
    inner: RwLock<Inner>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Inner {
    issued: HashMap<String, (DomainId, Arc<CertifiedKey>)>,
    challenges: HashMap<String, (DomainId, Challenge, Arc<CertifiedKey>)>,
    standings: HashMap<DomainId, Standing>,
}

impl Shelf {
    /// The certificate for a host.
    pub fn of(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.inner().issued.get(host).map(|(_, certified)| Arc::clone(certified))
    }

    /// The certificate that answers the challenge for a host.
    pub fn challenge(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.inner().challenges.get(host).map(|(_, _, certified)| Arc::clone(certified))
    }

    /// Follows the store until told to stop.
    pub async fn run(&self, store: &Store, stop: &Stop) {
        while !stop.is_given() {
            let follow = store.certificates().follow(|change| self.take(change));
            if let Some(Err(error)) = Box::pin(stop.or(follow)).await {
                tracing::warn!(%error, "the watch of the certificates broke; starting it again");
            }
            stop.or(tokio::time::sleep(REWATCH_WAIT)).await;
        }
    }

    /// How it stands with a domain.
    pub(super) fn standing(&self, domain: DomainId) -> Option<Standing> {
        self.inner().standings.get(&domain).cloned()
    }

    /// When the first certificate ends, less those that ended long ago.
    pub(crate) fn first_end(&self, now: UnixMs) -> Option<UnixMs> {
        let inner = self.inner();
        let ends = inner.standings.values().filter_map(|one| one.valid_until);
        ends.filter(|end| now.since(*end) < ENDED_TOLD_FOR).min()
    }

    /// The domains of which there is anything.
    pub(super) fn domains(&self) -> Vec<DomainId> {
        self.inner().standings.keys().copied().collect()
    }

    /// Waits until this challenge is answered here.
    pub(super) async fn answers(&self, challenge: &Challenge) {
        let mut changed = self.changed.subscribe();
        let is_here = |inner: &Inner| inner.challenges.get(&challenge.name).is_some_and(|(_, one, _)| one == challenge);
        while !is_here(&self.inner()) {
            // The sender lives as long as we do.
            let _ = changed.changed().await;
        }
    }

    pub(crate) fn take(&self, change: Change) {
        let taken = match change {
            Change::Issued(domain, issued) => self.put_issued(domain, issued),
            Change::Challenge(domain, challenge) => self.put_challenge(domain, challenge),
            Change::Standing(domain, standing) => {
                let standings = &mut self.inner_mut().standings;
                match standing {
                    Some(standing) => drop(standings.insert(domain, standing)),
                    None => drop(standings.remove(&domain)),
                }
                Ok(())
            }
        };
        if let Err(err) = taken {
            tracing::error!(error = format!("{err:#}"), "a certificate from the store cannot be served");
        }
        self.changed.send_replace(());
    }

    fn put_issued(&self, domain: DomainId, issued: Option<Issued>) -> anyhow::Result<()> {
        let made = issued.map(|issued| anyhow::Ok((issued.name.clone(), certified(issued)?))).transpose()?;
        let mut inner = self.inner_mut();
        inner.issued.retain(|_, (other, _)| *other != domain);
        if let Some((name, certified)) = made {
            inner.issued.insert(name, (domain, Arc::new(certified)));
        }
        Ok(())
    }

    fn put_challenge(&self, domain: DomainId, challenge: Option<Challenge>) -> anyhow::Result<()> {
        let made = challenge.map(|challenge| anyhow::Ok((answer(&challenge)?, challenge))).transpose()?;
        let mut inner = self.inner_mut();
        inner.challenges.retain(|_, (other, _, _)| *other != domain);
        if let Some((certified, challenge)) = made {
            inner.challenges.insert(challenge.name.clone(), (domain, challenge, Arc::new(certified)));
        }
        Ok(())
    }

    fn inner(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn inner_mut(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate as rustls serves it.
pub(super) fn certified(issued: Issued) -> anyhow::Result<CertifiedKey> {
    certs::Issued { cert_pem: issued.cert_pem, key_pem: issued.key_pem }.certified()
}

/// The self-signed certificate that answers a challenge (RFC 8737, section 3). Each copy makes its own.
fn answer(challenge: &Challenge) -> anyhow::Result<CertifiedKey> {
    let mut params = CertificateParams::new([challenge.name.clone()]).context("name the answer to a challenge")?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&challenge.digest)];
    let key = KeyPair::generate()?;
    let cert = params.self_signed(&key)?;
    let key = ring::sign::any_supported_type(&PrivateKeyDer::Pkcs8(key.serialize_der().into()));
    // Not `from_der`: it reads the certificate, and knows nothing of the extension, which is critical.
    Ok(CertifiedKey::new(vec![cert.der().clone()], key.context("make the answer to a challenge")?))
}
