//! The proxy on the way to the server: which one, for whom, and how a tunnel through it is opened.
//!
//! Only what goes to the relay's own server over TLS goes through it, by `CONNECT` (RFC 9110,
//! section 9.3.6): the proxy sees a host name and sealed bytes. Requests to destinations never do.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use ipnet::IpNet;
use model::destination::Destination;
use telemetry::env;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::secret::Secret;

/// How long a proxy may take to open a tunnel.
pub const TUNNEL_TIME_MAX: Duration = Duration::from_secs(15);
/// The longest answer of a proxy before the tunnel begins, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its host, a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Proxy-Authorization`, if it wants one (RFC 7617).
    authorization: Option<Secret>,
}

/// Which proxy there is, and what does not go through it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Proxy>,
    except: Vec<Exception>,
}

/// One entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    /// `*`
    Everything,
    /// An address or a network.
    Network(IpNet),
    /// A host and what lies below it, on every port or on one.
    Host { name: String, port: Option<u16> },
}

/// What is no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// Another kind of proxy, or TLS to the proxy itself.
    #[error("only proxies with http:// can be used")]
    Scheme,
    /// No URL.
    #[error("not the URL of a proxy, such as http://proxy.example:3128")]
    Url,
}

/// Why a proxy has opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// It said no.
    #[error("the proxy answered {0}")]
    Refused(String),
    /// It wants credentials, or others.
    #[error("the proxy wants a user name and a password: http://NAME:PASSWORD@HOST:PORT")]
    Credentials,
    /// What it said is no answer.
    #[error("the proxy gave no answer that can be read")]
    Unreadable,
    /// It took too long.
    #[error("the proxy opened no tunnel within {} s", TUNNEL_TIME_MAX.as_secs())]
    TimedOut,
    /// The connection to it broke.
    #[error("the connection to the proxy broke")]
    Broken(#[from] io::Error),
}

impl Proxies {
    /// What the environment says: `HTTPS_PROXY` and `NO_PROXY`, in either case; the lower case one
    /// goes first, as everywhere.
    ///
    /// # Errors
    /// When the proxy cannot be used; the name of its variable comes with it.
    pub fn of_environment() -> Result<Self, (&'static str, InvalidProxy)> {
        Self::read(env::var)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, (&'static str, InvalidProxy)> {
        let said = |name: &'static str| variable(name).map(|value| (name, value));
        let https = said("https_proxy").or_else(|| said("HTTPS_PROXY"));
        let https = https.map(|(name, value)| value.parse().map_err(|err| (name, err))).transpose()?;
        let except = said("no_proxy").or_else(|| said("NO_PROXY")).map(|(_, value)| value).unwrap_or_default();
        let except = except.split([',', ' ']).filter(|entry| !entry.is_empty()).map(Exception::read).collect();
        Ok(Self { https, except })
    }

    /// The proxy for TLS connections to this host.
    pub fn to(&self, host: &str, port: u16) -> Option<&Proxy> {
        let is_excepted = self.except.iter().any(|exception| exception.covers(host, port));
        self.https.as_ref().filter(|_| !is_excepted)
    }
}

impl Exception {
    fn read(text: &str) -> Self {
        if text == "*" {
            return Self::Everything;
        }
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        if let Ok(network) = network {
            return Self::Network(network);
        }
        let (name, port) = match text.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
            Some((name, Ok(port))) => (name, Some(port)),
            Some((_, Err(_))) | None => (text, None),
        };
        let name = name.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
        Self::Host { name, port }
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network) => host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address)),
            Self::Host { name, port: only } => {
                let host = host.to_ascii_lowercase();
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                below && !name.is_empty() && only.is_none_or(|only| only == port)
            }
        }
    }
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        // Without a scheme it is a host, as everywhere.
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(InvalidProxy::Scheme);
        }
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, rest),
        };
        let parsed = Destination::parse(&format!("http://{}", address.trim_end_matches('/')));
        let Destination { host, port, .. } = parsed.map_err(|_| InvalidProxy::Url)?;
        let authorization = credentials.map(|pair| {
            let (name, password) = pair.split_once(':').unwrap_or((pair, ""));
            let pair = [&unescaped(name)[..], b":", &unescaped(password)].concat();
            Secret::from(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
        });
        Ok(Self { host, port, authorization })
    }
}

impl fmt::Display for Proxy {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Proxy {
    /// Opens a tunnel to `authority`, a host and a port, on a connection to the proxy.
    ///
    /// # Errors
    /// See [`TunnelError`].
    pub async fn tunnel(&self, stream: &mut TcpStream, authority: &str) -> Result<(), TunnelError> {
        let asked = self.ask(stream, authority);
        tokio::time::timeout(TUNNEL_TIME_MAX, asked).await.map_err(|_| TunnelError::TimedOut)?
    }

    async fn ask<S>(&self, stream: &mut S, authority: &str) -> Result<(), TunnelError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shown = self.authorization.as_ref();
        let shown = shown.map(|shown| format!("Proxy-Authorization: {}\r\n", shown.reveal())).unwrap_or_default();
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{shown}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        // Byte for byte: what follows the head belongs to the tunnel already.
        while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
            if head.len() == ANSWER_BYTES_MAX {
                return Err(TunnelError::Unreadable);
            }
            head.push(stream.read_u8().await?);
        }
        let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let (version, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match (version.starts_with("HTTP/1."), status) {
            (true, status) if status.len() == 3 && status.starts_with('2') => Ok(()),
            (true, "407") => Err(TunnelError::Credentials),
            (true, status) => {
                let reason = words.collect::<Vec<_>>().join(" ");
                let text = format!("{status} {reason}");
                Err(TunnelError::Refused(text.trim().chars().filter(|c| !c.is_control()).collect()))
            }
            (false, _) => Err(TunnelError::Unreadable),
        }
    }
}

/// The bytes that percent-encoded text stands for (RFC 3986, section 2.1).
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (byte, _) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
