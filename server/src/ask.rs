//! `relay-server health`: asks a server whether it is ready, for health checks in containers that
//! have no other program.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::cli::Health;
use crate::out;

/// Longest wait for the answer.
const WAIT: Duration = Duration::from_secs(5);

/// Largest answer that is printed, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Prints the answer.
///
/// # Errors
/// Where there is none, or it is not 200.
pub async fn run(args: &Health) -> anyhow::Result<()> {
    let url = &with_path(&args.url);
    let (status, body) = tokio::time::timeout(WAIT, ask(url, args.ca_file.as_deref()))
        .await
        .with_context(|| format!("{url} does not answer within {} s", WAIT.as_secs()))??;
    out::line(String::from_utf8_lossy(&body).trim_end())?;
    if status != StatusCode::OK {
        bail!("{url} answered {status}");
    }
    Ok(())
}

/// A server alone is asked whether it is ready.
fn with_path(url: &Url) -> Url {
    let mut url = url.clone();
    if url.path() == "/" {
        url.set_path("/readyz");
    }
    url
}

async fn ask(url: &Url, ca_file: Option<&Path>) -> anyhow::Result<(StatusCode, Bytes)> {
    let host = url.host_str().with_context(|| format!("{url} has no host"))?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().with_context(|| format!("{url} has no port"))?;
    let stream = TcpStream::connect((host, port)).await.with_context(|| format!("connect to {host}:{port}"))?;
    match url.scheme() {
        "http" => get(stream, url).await,
        "https" => {
            let file = ca_file.context("https needs --ca-file")?;
            let mut roots = RootCertStore::empty();
            for cert in CertificateDer::pem_file_iter(file).with_context(|| format!("read {}", file.display()))? {
                roots.add(cert.with_context(|| format!("read {}", file.display()))?)?;
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from(host.to_owned())?;
            let stream = TlsConnector::from(Arc::new(config))
                .connect(name, stream)
                .await
                .with_context(|| format!("agree on TLS with {host}:{port}"))?;
            get(stream, url).await
        }
        other => bail!("{other}:// is neither http nor https"),
    }
}

/// What is answered to a GET of this URL over a stream to its host.
///
/// # Errors
/// Where there is no whole answer.
pub(crate) async fn get<S>(stream: S, url: &Url) -> anyhow::Result<(StatusCode, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::get(target).header(HOST, authority).body(Empty::<Bytes>::new())?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
            Ok(body) => Ok((status, body.to_bytes())),
            Err(err) => bail!("the answer cannot be read: {err}"),
        }
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        // The whole answer is here.
        answered = &mut exchange => answered,
        // The server closed; what it sent before is still to be read.
        ended = &mut connection => {
            ended.context("talk to the server")?;
            exchange.await
        }
    }
}

#[cfg(test)]
mod tests;
