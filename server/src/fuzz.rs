//! Fuzz targets: what is read here of callers' bytes, and of certificates.

use std::sync::{Arc, LazyLock};

use rcgen::KeyPair;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};

use crate::certs::{Issued, Wanted};
use crate::{acme, listener, tls};

/// A target with its name.
pub type Target = (&'static str, fn(&[u8]));

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("certificate", certificate),
    ("key_pair", key_pair),
    ("wanted_certificate", wanted),
    ("http2_frames", listener::fuzz::frames),
    ("protocol", listener::fuzz::protocol),
];

/// A key for certificates that were made for other ones.
static KEY: LazyLock<Option<Arc<dyn SigningKey>>> = LazyLock::new(|| {
    let key = PrivateKeyDer::Pkcs8(KeyPair::generate().ok()?.serialize_der().into());
    ring::sign::any_supported_type(&key).ok()
});

/// A chain in PEM, as an authority issues it: the names in it, and its time.
fn certificate(input: &[u8]) {
    let Some(key) = &*KEY else { return };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(input).collect();
    let Ok(chain) = chain else { return };
    let certified = CertifiedKey::new(chain, Arc::clone(key));
    if let Ok(names) = tls::names(&certified) {
        names.iter().for_each(|name| acme::fuzz::check(&certified, name));
    }
    acme::fuzz::check(&certified, "relay.example");
}

/// A chain and its key, both in PEM, with a NUL between.
fn key_pair(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (cert_pem, key_pem) = text.split_once('\0').unwrap_or((text, text));
    let issued = Issued { cert_pem: cert_pem.to_owned(), key_pem: key_pem.to_owned() };
    if let Ok(certified) = issued.certified() {
        let _ = tls::names(&certified).map(drop);
    }
}

/// What `make-certs` is asked for.
fn wanted(input: &[u8]) {
    let Some(wanted) = std::str::from_utf8(input).ok().and_then(|text| text.parse::<Wanted>().ok()) else { return };
    let again = format!("{}={}", wanted.file, wanted.names.join(","));
    assert_eq!(again.parse::<Wanted>().ok(), Some(wanted));
}

#[cfg(test)]
#[test]
fn no_bytes_break_a_target() {
    mutator::shake(TARGETS);
}
