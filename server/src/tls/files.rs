//! Certificates from files, read again when these change: whoever renews them need not know of us.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, ensure};
use model::UnixMs;
use rustls::sign::CertifiedKey;
use telemetry::Stop;

use super::end::validity;
use super::names::ByName;
use crate::certs::Issued;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate and those between it and the authority, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// The certificates in some files.
#[derive(Debug)]
pub(super) struct Files {
    pairs: Vec<Pair>,
    current: RwLock<Arc<Current>>,
    /// What the files held when they were last read; the first certificates come from the same.
    seen: Mutex<Vec<Issued>>,
}

#[derive(Debug)]
struct Current {
    first: Arc<CertifiedKey>,
    by_name: ByName,
    /// When the first of them ends, as far as that can be read.
    first_end: Option<UnixMs>,
}

impl Files {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, or a certificate and its key don't belong together.
    pub(super) fn open(pairs: Vec<Pair>) -> anyhow::Result<Self> {
        let seen = read(&pairs)?;
        let current = Current::of(&pairs, &seen)?;
        Ok(Self { pairs, current: RwLock::new(Arc::new(current)), seen: Mutex::new(seen) })
    }

    /// The certificate for a caller who names that host.
    pub(super) fn of(&self, host: Option<&str>) -> Arc<CertifiedKey> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let named = host.and_then(|host| current.by_name.get(host));
        Arc::clone(named.unwrap_or(&current.first))
    }

    /// When the first of them ends, as far as that can be read.
    pub(super) fn first_end(&self) -> Option<UnixMs> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).first_end
    }

    /// Reads the files again whenever they change, until told to stop. What cannot be used is not:
    /// the certificates from before stay.
    pub(super) async fn run(&self, stop: &Stop) {
        let mut failure = String::new();
        while stop.or(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let pairs = self.pairs.clone();
            let read = tokio::task::spawn_blocking(move || read(&pairs)).await;
            match read.context("read the certificates").flatten().and_then(|found| self.take(found)) {
                Ok(true) => tracing::info!("the certificates have changed, and are used from now on"),
                Ok(false) => {}
                Err(err) => {
                    // A file may be half written, so the next look may be better; said once.
                    let text = format!("{err:#}");
                    if text != failure {
                        tracing::error!(
                            error = text,
                            "the certificates cannot be read again, serving those from before"
                        );
                    }
                    failure = text;
                    continue;
                }
            }
            failure.clear();
        }
    }

    /// Uses what was found, if it is new; returns whether it is.
    fn take(&self, found: Vec<Issued>) -> anyhow::Result<bool> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return Ok(false);
        }
        let current = Arc::new(Current::of(&self.pairs, &found)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        *seen = found;
        Ok(true)
    }
}

impl Current {
    fn of(pairs: &[Pair], found: &[Issued]) -> anyhow::Result<Self> {
        let mut certificates = Vec::new();
        for (pair, issued) in pairs.iter().zip(found) {
            let certified = issued
                .certified()
                .with_context(|| format!("use {} with {}", pair.cert.display(), pair.key.display()))?;
            certificates.push(Arc::new(certified));
        }
        let by_name = ByName::of(&certificates)?;
        let first_end = certificates.iter().filter_map(|one| validity(one).ok()).map(|(_, end)| end).min();
        let first = certificates.into_iter().next().context("no certificate is named")?;
        Ok(Self { first, by_name, first_end })
    }
}

fn read(pairs: &[Pair]) -> anyhow::Result<Vec<Issued>> {
    ensure!(!pairs.is_empty(), "no certificate is named");
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    pairs.iter().map(|pair| Ok(Issued { cert_pem: read(&pair.cert)?, key_pem: read(&pair.key)? })).collect()
}
