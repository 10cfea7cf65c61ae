//! TLS as a client: verified against the system's roots, or not verified when the owner says so.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How connections are secured. The roots are read when the first one is needed.
#[derive(Debug)]
pub struct Tls {
    alpn: &'static [u8],
    roots: Vec<CertificateDer<'static>>,
    verified: OnceLock<Arc<ClientConfig>>,
    unverified: OnceLock<Arc<ClientConfig>>,
}

/// Why a connection was not secured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host can stand in no certificate.
    #[error("the host is no valid server name")]
    Name,
    /// The library refuses its configuration.
    #[error("cannot configure TLS")]
    Config(#[from] rustls::Error),
    /// The handshake failed; an unknown or wrong certificate shows here.
    #[error("TLS handshake failed")]
    Handshake(#[source] std::io::Error),
}

impl Error {
    /// Whether the other side has answered without TLS.
    pub fn is_plaintext(&self) -> bool {
        let Self::Handshake(err) = self else { return false };
        let cause = err.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        matches!(cause, Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)))
    }
}

impl Tls {
    /// TLS that offers the protocol `alpn` and trusts the system's roots and `roots`.
    pub fn new(alpn: &'static [u8], roots: Vec<CertificateDer<'static>>) -> Self {
        Self { alpn, roots, verified: OnceLock::new(), unverified: OnceLock::new() }
    }

    /// Secures a connection to `host`; `verify` says whether its certificate must be right.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect(&self, host: &str, verify: bool, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Name)?;
        let connector = TlsConnector::from(self.config(verify)?);
        connector.connect(name, stream).await.map_err(Error::Handshake)
    }

    fn config(&self, verify: bool) -> Result<Arc<ClientConfig>, Error> {
        let cell = if verify { &self.verified } else { &self.unverified };
        if let Some(config) = cell.get() {
            return Ok(config.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let mut config = match verify {
            true => builder.with_root_certificates(self.root_store()).with_no_client_auth(),
            false => {
                let verifier = Arc::new(AnyCertificate(provider));
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        config.alpn_protocols = vec![self.alpn.to_vec()];
        Ok(cell.get_or_init(|| Arc::new(config)).clone())
    }

    fn root_store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        for err in &native.errors {
            tracing::warn!(error = %err, "some of the system's root certificates could not be read");
        }
        store.add_parsable_certificates(native.certs);
        store.add_parsable_certificates(self.roots.iter().cloned());
        store
    }
}

/// Takes any certificate, but still proves that the other side holds its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
