//! Makes sure of a name: the challenge TLS-ALPN-01 (RFC 8737), at every address of it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, PeerIncompatible, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::Oid;

/// What is agreed on inside TLS (RFC 8737, section 6.2).
const ALPN: &[u8] = b"acme-tls/1";
/// The DER of an octet string of 32 bytes begins so.
const OCTETS_32: [u8; 2] = [0x04, 0x20];

/// Calls every address.
pub(super) async fn prove(name: &str, digest: [u8; 32], addresses: &[SocketAddr]) -> anyhow::Result<()> {
    ensure!(!addresses.is_empty(), "the name {name} has no address");
    for address in addresses {
        prove_at(name, digest, *address).await.with_context(|| format!("{name} at {address}"))?;
    }
    Ok(())
}

async fn prove_at(name: &str, digest: [u8; 32], address: SocketAddr) -> anyhow::Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned())?, stream).await?;
    let connection = stream.get_ref().1;
    ensure!(connection.alpn_protocol() == Some(ALPN), "it does not speak acme-tls/1");
    let shown = connection.peer_certificates().and_then(<[_]>::first).context("it shows no certificate")?;
    let (_, cert) = x509_parser::parse_x509_certificate(shown)?;
    let names = cert.subject_alternative_name()?.context("no name is in the certificate")?;
    ensure!(names.value.general_names == [GeneralName::DNSName(name)], "the certificate is for other names");
    let identifier = Oid::from(&[1, 3, 6, 1, 5, 5, 7, 1, 31]).ok().context("no identifier")?;
    let extension = cert.get_extension_unique(&identifier)?.context("the certificate has no acmeIdentifier")?;
    ensure!(extension.critical, "the acmeIdentifier is not critical");
    ensure!(extension.value == [&OCTETS_32[..], &digest].concat(), "the acmeIdentifier is for another challenge");
    Ok(())
}

/// Takes any certificate, but has it proven that the other side holds its key.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    /// With the bare key: rustls reads no certificate with an extension that is critical to others.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let parsed = x509_parser::parse_x509_certificate(cert);
        let (_, parsed) = parsed.map_err(|_| CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
