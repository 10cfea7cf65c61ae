//! The little HTTP/1.1 that the demo speaks: one request a connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

/// How long a connection, or a read of an answer, is waited for.
const WAIT: Duration = Duration::from_secs(10);
/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The body, as text.
    pub(crate) body: String,
}

/// Asks for a path.
///
/// # Errors
/// Where nobody answers, or not in HTTP.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// Posts a body of JSON.
///
/// # Errors
/// As [`get`].
pub(crate) fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> anyhow::Result<Answer> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    exchange(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ),
    )
}

fn exchange(address: SocketAddr, request: &str) -> anyhow::Result<Answer> {
    let try_once = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_write_timeout(Some(WAIT))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = try_once().with_context(|| format!("talk to {address}"))?;
    parse(&String::from_utf8_lossy(&answer)).with_context(|| format!("read the answer of {address}"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nwait");
        assert_eq!(answer, Some(Answer { status: 503, body: "wait".to_owned() }));
        assert_eq!(parse("SSH-2.0-OpenSSH\r\n"), None);
        assert_eq!(parse("HTTP/1.1 2\r\n\r\n"), None);
    }
}
