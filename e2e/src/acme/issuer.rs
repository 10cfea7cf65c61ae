//! The key that certificates are signed with, and the TLS of the authority itself.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority's key and certificate.
pub(super) struct Issuer {
    issuer: rcgen::Issuer<'static, KeyPair>,
}

impl Issuer {
    /// A new one, whose certificate is written to a file.
    pub(super) fn new(ca_file: &Path) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        std::fs::write(ca_file, params.self_signed(&key)?.pem())?;
        Ok(Self { issuer: rcgen::Issuer::new(params, key) })
    }

    /// Issues what is asked for, if it is for that name alone.
    pub(super) fn issue(&self, csr: &[u8], name: &str, life: (Duration, Duration)) -> anyhow::Result<String> {
        let mut asked = CertificateSigningRequestParams::from_der(&csr.into())?;
        let names = &asked.params.subject_alt_names;
        ensure!(*names == [SanType::DnsName(name.try_into()?)], "it asks for {names:?}, and not for {name}");
        let now = rcgen::date_time_ymd(1970, 1, 1) + SystemTime::now().duration_since(UNIX_EPOCH)?;
        (asked.params.not_before, asked.params.not_after) = (now - life.0, now + life.1);
        Ok(asked.signed_by(&self.issuer)?.pem())
    }

    fn own(&self) -> anyhow::Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let cert = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Takes connections with TLS.
pub(super) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
}

impl TlsListener {
    /// On a port that the system chooses.
    pub(super) async fn bind(issuer: &Issuer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let address = listener.local_addr()?;
        Ok(Self { listener, acceptor: issuer.own()?, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
