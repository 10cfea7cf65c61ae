//! HTTP/1.1 by hand: bytes out, bytes in, nothing put right.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The largest head that is read, in bytes: far above what any test sends.
const HEAD_BYTES_MAX: usize = 1024 * 1024;

/// A byte stream in both directions.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// The client's side of a connection.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// From the status line to the empty line.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of the first header line of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The certificates that a test trusts.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the certificates in this PEM file and no others.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn file(path: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).with_context(|| format!("read {}", path.display()))? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// The certificate (in DER) that a server at the address shows for a host, if it is to be trusted.
///
/// # Errors
/// As [`Connection::open_tls`].
pub async fn certificate(address: SocketAddr, host: &str, trust: &Trust) -> io::Result<Vec<u8>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = secure(address, name, trust).await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).map(|leaf| leaf.to_vec());
    shown.ok_or_else(|| io::Error::other("no certificate was shown"))
}

async fn secure(address: SocketAddr, name: ServerName<'static>, trust: &Trust) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(trust.0.clone()).connect(name, stream).await
}

impl Connection {
    /// Connects without TLS.
    ///
    /// # Errors
    /// Those of the operating system.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Box::new(stream), buffer: Vec::new() })
    }

    /// Connects with TLS; the certificate must be for the address.
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub async fn open_tls(address: SocketAddr, trust: &Trust) -> io::Result<Self> {
        let stream = secure(address, ServerName::IpAddress(address.ip().into()), trust).await?;
        Ok(Self { stream: Box::new(stream), buffer: Vec::new() })
    }

    /// Connects with TLS to that host at the address; the certificate must be for the host.
    ///
    /// # Errors
    /// As [`Connection::open_tls`].
    pub async fn open_tls_as(address: SocketAddr, host: &str, trust: &Trust) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Self { stream: Box::new(secure(address, name, trust).await?), buffer: Vec::new() })
    }

    /// Writes these bytes.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads the answer to a request of that method, over interim ones (1xx).
    ///
    /// # Errors
    /// When the connection ends before the answer is whole, or what came is not HTTP.
    pub async fn answer(&mut self, method: &str) -> anyhow::Result<Answer> {
        loop {
            let head = read_head(&mut self.stream, &mut self.buffer).await?.context("closed without an answer")?;
            let head = String::from_utf8_lossy(&head).into_owned();
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status line")?;
            if (100..200).contains(&status) {
                continue;
            }
            let is_empty = method == "HEAD" || status == 204 || status == 304;
            let body = if is_empty { Vec::new() } else { self.body(&head).await? };
            return Ok(Answer { status, head, body });
        }
    }

    /// Waits until the other side closes, reading what still comes.
    pub async fn closed(&mut self) {
        let mut rest = [0; 4096];
        while let Ok(1..) = self.stream.read(&mut rest).await {}
    }

    async fn body(&mut self, head: &str) -> anyhow::Result<Vec<u8>> {
        match body_length(head)? {
            Length::Bytes(bytes) => Ok(read_exactly(&mut self.stream, &mut self.buffer, bytes).await?),
            Length::Chunked => read_chunks(&mut self.stream, &mut self.buffer).await,
            Length::Unsaid => {
                let mut body = std::mem::take(&mut self.buffer);
                self.stream.read_to_end(&mut body).await?;
                Ok(body)
            }
        }
    }
}

/// How long a message's body is.
pub(crate) enum Length {
    Bytes(usize),
    Chunked,
    Unsaid,
}

/// What a head says about the length of its body.
pub(crate) fn body_length(head: &str) -> anyhow::Result<Length> {
    if header(head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok(Length::Chunked);
    }
    match header(head, "content-length") {
        Some(length) => Ok(Length::Bytes(length.parse().context("a content-length that is no number")?)),
        None => Ok(Length::Unsaid),
    }
}

/// The value of the first header line of that name in a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Reads up to and including the empty line; none when the connection ended before the first byte.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncRead + Unpin + ?Sized),
    buffer: &mut Vec<u8>,
) -> anyhow::Result<Option<Vec<u8>>> {
    let mut searched = 0;
    loop {
        let from = usize::saturating_sub(searched, 3);
        if let Some(at) = buffer[from..].windows(4).position(|part| part == b"\r\n\r\n") {
            let rest = buffer.split_off(from + at + 4);
            return Ok(Some(std::mem::replace(buffer, rest)));
        }
        searched = buffer.len();
        if buffer.len() > HEAD_BYTES_MAX {
            bail!("a head without an end");
        }
        if stream.read_buf(buffer).await? == 0 {
            if buffer.is_empty() {
                return Ok(None);
            }
            bail!("closed within a head");
        }
    }
}

/// Reads so many bytes.
pub(crate) async fn read_exactly(
    stream: &mut (impl AsyncRead + Unpin + ?Sized),
    buffer: &mut Vec<u8>,
    bytes: usize,
) -> io::Result<Vec<u8>> {
    buffer.reserve(bytes.saturating_sub(buffer.len()));
    while buffer.len() < bytes {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let rest = buffer.split_off(bytes);
    Ok(std::mem::replace(buffer, rest))
}

/// Reads a chunked body (RFC 9112, section 7.1) up to its last chunk.
pub(crate) async fn read_chunks(
    stream: &mut (impl AsyncRead + Unpin + ?Sized),
    buffer: &mut Vec<u8>,
) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream, buffer).await?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
        if size == 0 {
            while !read_line(stream, buffer).await?.is_empty() {}
            return Ok(body);
        }
        body.extend(read_exactly(stream, buffer, size).await?);
        read_line(stream, buffer).await?;
    }
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin + ?Sized), buffer: &mut Vec<u8>) -> anyhow::Result<String> {
    loop {
        if let Some(at) = buffer.windows(2).position(|part| part == b"\r\n") {
            let rest = buffer.split_off(at + 2);
            let mut line = std::mem::replace(buffer, rest);
            line.truncate(at);
            return Ok(String::from_utf8(line)?);
        }
        if stream.read_buf(buffer).await? == 0 {
            bail!("closed within a line");
        }
    }
}
