//! A certificate authority of our own, for machines that have no other: a key and a certificate in
//! a directory, and certificates for servers signed by it.
//!
//! Whether a certificate that lies there will do is asked of rustls, exactly as a client would ask
//! it, for a moment [`RENEW_BEFORE`] ahead. So a certificate that is near its end, was made for
//! other names or by another authority, or does not belong to its key, is made anew.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

use crate::data_dir::{make_private_dir, write_private, write_public};

/// Life of the authority. It is trusted by machines that someone set up by hand, so it outlives
/// them; to make another, remove its directory.
const CA_LIFE: Duration = days(10 * 365);

/// Life of a server's certificate: with what lies before its beginning less than the 366 days that
/// Mozilla's guidelines allow. Apple's clients take 825 from an authority that the user added.
const CERT_LIFE: Duration = days(364);

/// A certificate is made anew when it has less than this left.
pub const RENEW_BEFORE: Duration = days(90);

/// How far back validity begins, for clients whose clock is behind.
const CLOCK_SKEW: Duration = days(1);

/// The authority's certificate, which clients trust.
pub const CA_CERT_FILE: &str = "ca.pem";

/// The authority's key, mode 0600.
const CA_KEY_FILE: &str = "ca.key";

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

/// A certificate authority in a directory.
#[derive(Debug)]
pub struct Authority {
    cert: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, both in PEM.
#[derive(PartialEq, Eq)]
pub struct Issued {
    /// The certificate; the authority's is not part of it.
    pub cert_pem: String,
    /// The private key (PKCS #8).
    pub key_pem: String,
}

impl Authority {
    /// The authority in `dir`, made there (mode 0700, key 0600) where there is none.
    ///
    /// # Errors
    /// Where the files cannot be read or written, or one of the two is missing or unreadable: a new
    /// authority would be trusted by no one, so that is the operator's to decide.
    pub fn open(dir: &Path, now: SystemTime) -> anyhow::Result<Self> {
        make_private_dir(dir).with_context(|| format!("make {}", dir.display()))?;
        let (cert_path, key_path) = (dir.join(CA_CERT_FILE), dir.join(CA_KEY_FILE));
        match (read(&cert_path)?, read(&key_path)?) {
            (Some(cert), Some(key)) => {
                Self::load(&cert, &key).with_context(|| format!("read the certificate authority in {}", dir.display()))
            }
            (None, None) => {
                let (authority, cert_pem, key_pem) = Self::make(now)?;
                // The key first: a certificate without a key would be an error at the next start.
                write_private(&key_path, key_pem.as_bytes())
                    .with_context(|| format!("write {}", key_path.display()))?;
                write_public(&cert_path, cert_pem.as_bytes())
                    .with_context(|| format!("write {}", cert_path.display()))?;
                Ok(authority)
            }
            (None, Some(_)) | (Some(_), None) => bail!(
                "{} holds only one of {CA_CERT_FILE} and {CA_KEY_FILE}; bring the other back, or remove it too for \
                 a new certificate authority",
                dir.display()
            ),
        }
    }

    /// A new certificate for a server of these names (host names and addresses).
    ///
    /// # Errors
    /// Where a name can stand in no certificate.
    pub fn issue(&self, names: &[String], now: SystemTime) -> anyhow::Result<Issued> {
        let mut params =
            CertificateParams::new(names).with_context(|| format!("make a certificate for {}", names.join(", ")))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("relay", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // The NATS servers of a cluster call each other with theirs.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, CERT_LIFE);
        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }

    /// Whether a client that trusts this authority accepts the certificate for all of the names at
    /// that time, and the key belongs to it.
    pub fn accepts(&self, issued: &Issued, names: &[String], at: SystemTime) -> bool {
        self.check(issued, names, at).is_ok()
    }

    fn check(&self, issued: &Issued, names: &[String], at: SystemTime) -> anyhow::Result<()> {
        let certified = issued.certified()?;
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider())).build()?;
        let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH)?);
        for name in names {
            let name = ServerName::try_from(name.as_str())?;
            verifier.verify_server_cert(certified.end_entity_cert()?, &[], &name, &[], at)?;
        }
        Ok(())
    }

    fn load(cert_pem: &str, key_pem: &str) -> anyhow::Result<Self> {
        let cert = CertificateDer::from_pem_slice(cert_pem.as_bytes()).context(CA_CERT_FILE)?;
        let key = KeyPair::from_pem(key_pem).context(CA_KEY_FILE)?;
        // The name is derived from the key, so the parameters are those of the certificate.
        Ok(Self { cert, issuer: Issuer::new(ca_params(&key), key) })
    }

    fn make(now: SystemTime) -> anyhow::Result<(Self, String, String)> {
        let key = KeyPair::generate()?;
        let mut params = ca_params(&key);
        set_validity(&mut params, now, CA_LIFE);
        let cert = params.self_signed(&key)?;
        let (cert_pem, key_pem) = (cert.pem(), key.serialize_pem());
        let authority = Self { cert: cert.der().clone(), issuer: Issuer::new(ca_params(&key), key) };
        Ok((authority, cert_pem, key_pem))
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

impl Issued {
    /// The pair as rustls serves it.
    ///
    /// # Errors
    /// Where one of them cannot be read, or they don't belong together.
    pub fn certified(&self) -> anyhow::Result<CertifiedKey> {
        let chain = CertificateDer::pem_slice_iter(self.cert_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .context("read the certificate")?;
        ensure!(!chain.is_empty(), "there is no certificate in it");
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).context("read the private key")?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).context("match the certificate and its key")
    }
}

/// One certificate of `relay-server make-certs`: a file name, and the names of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The files are `<file>.pem` and `<file>.key`.
    pub file: String,
    /// Host names and addresses by which clients call the server.
    pub names: Vec<String>,
}

impl FromStr for Wanted {
    type Err = anyhow::Error;

    /// Reads `file=name,name…`; a part alone stands for both.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (file, names) = text.split_once('=').unwrap_or((text, text));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(!file.is_empty() && file.chars().all(plain), "{file:?} is no plain file name");
        ensure!(file != "ca", "the name ca is taken by the authority");
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        for name in &names {
            ServerName::try_from(name.as_str()).map_err(|_| anyhow!("{name:?} is no host name or address"))?;
        }
        Ok(Self { file: file.to_owned(), names })
    }
}

/// Makes the authority and the wanted certificates in `dir`, except those that will do as they are.
/// Returns the files that were written.
///
/// # Errors
/// Those of [`Authority::open`] and of writing.
pub fn make(dir: &Path, wanted: &[Wanted], now: SystemTime) -> anyhow::Result<Vec<String>> {
    let authority = Authority::open(dir, now)?;
    let mut written = Vec::new();
    for Wanted { file, names } in wanted {
        let (cert_path, key_path) = (dir.join(format!("{file}.pem")), dir.join(format!("{file}.key")));
        if let (Some(cert_pem), Some(key_pem)) = (read(&cert_path)?, read(&key_path)?)
            && authority.accepts(&Issued { cert_pem, key_pem }, names, now + RENEW_BEFORE)
        {
            continue;
        }
        let issued = authority.issue(names, now)?;
        write_private(&key_path, issued.key_pem.as_bytes()).with_context(|| format!("write {}", key_path.display()))?;
        write_public(&cert_path, issued.cert_pem.as_bytes())
            .with_context(|| format!("write {}", cert_path.display()))?;
        written.push(file.clone());
    }
    Ok(written)
}

/// The parameters of an authority with this key; its name carries a part of the key's identifier,
/// so that two authorities on one machine can be told apart.
fn ca_params(key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let id: String = params.key_identifier(key).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("relay local authority {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn set_validity(params: &mut CertificateParams, now: SystemTime, life: Duration) {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch.saturating_sub(CLOCK_SKEW);
    params.not_after = epoch + since_epoch + life;
}

/// A file's text; none where there is no such file.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("read {}", path.display())),
    }
}

#[cfg(test)]
mod tests;
