//! Certificates by the names that stand in them.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context;
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

/// Certificates by name.
#[derive(Debug, Default)]
pub(super) struct ByName {
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    /// Certificates by the host names in them. A name that stands in several has the first.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn of<'a>(certificates: impl IntoIterator<Item = &'a Arc<CertifiedKey>>) -> anyhow::Result<Self> {
        let mut by_name = Self::default();
        for certificate in certificates {
            for name in names(certificate)? {
                by_name.certificates.entry(name).or_insert_with(|| Arc::clone(certificate));
            }
        }
        Ok(by_name)
    }

    /// The certificate for a host, in lower case; one for exactly this name goes before one for all
    /// names beside it (RFC 9525, section 6.3).
    pub(super) fn get(&self, host: &str) -> Option<&Arc<CertifiedKey>> {
        let beside = || host.split_once('.').and_then(|(_, rest)| self.certificates.get(&format!("*.{rest}")));
        self.certificates.get(host).or_else(beside)
    }
}

/// The host names in a certificate, in lower case.
pub(crate) fn names(certificate: &CertifiedKey) -> anyhow::Result<Vec<String>> {
    let leaf = certificate.end_entity_cert().context("read the certificate")?;
    let leaf = EndEntityCert::try_from(leaf).context("read the names in the certificate")?;
    Ok(leaf.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::certs::Authority;

    #[test]
    fn the_exact_name_goes_before_the_wildcard() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), SystemTime::now()).unwrap();
        let issue = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Arc::new(authority.issue(&names, SystemTime::now()).unwrap().certified().unwrap())
        };
        let all = [issue(&["*.example.com", "other.test"]), issue(&["a.example.com"]), issue(&["a.example.com"])];
        let by_name = ByName::of(&all).unwrap();
        let number = |host: &str| by_name.get(host).and_then(|got| all.iter().position(|one| Arc::ptr_eq(one, got)));
        assert_eq!(number("a.example.com"), Some(1), "of two the first");
        assert_eq!(number("b.example.com"), Some(0));
        assert_eq!(number("other.test"), Some(0));
        assert_eq!(number("b.a.example.com"), None);
        assert_eq!(number("example.com"), None);
        assert_eq!(number("com"), None);
    }
}
