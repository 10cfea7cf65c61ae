//! Where an attempt goes: the output's URL joined with the caller's extra path and query.

use bytes::Bytes;

/// A destination URL that has been checked: `http` or `https`, a host, no user info, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host: a name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The host as in the `Host` header: with the port unless it is the scheme's own.
    pub authority: String,
    path: String,
    query: Option<String>,
}

/// A destination that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDestination {
    /// Neither `http://` nor `https://`.
    #[error("destination must start with http:// or https://")]
    Scheme,
    /// No host, or one that cannot be read.
    #[error("destination has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("destination has no valid port")]
    Port,
    /// `user:password@` before the host; an output's headers carry credentials instead.
    #[error("destination must not carry user and password; set an Authorization header on the output instead")]
    UserInfo,
    /// A character that cannot stand in a request target.
    #[error("destination has a space or control character")]
    Character,
}

/// The extra path would climb out of the destination's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the extra path leads above the destination's path")]
pub struct PathEscapes;

impl Destination {
    /// Parses an output's URL. Path and query are kept as written.
    ///
    /// # Errors
    /// See [`InvalidDestination`].
    pub fn parse(url: &str) -> Result<Self, InvalidDestination> {
        if url.chars().any(|c| c.is_ascii_control() || c == ' ' || !c.is_ascii()) {
            return Err(InvalidDestination::Character);
        }
        let (scheme, rest) = url.split_once("://").ok_or(InvalidDestination::Scheme)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(InvalidDestination::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(InvalidDestination::UserInfo);
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        if path.contains('\\') {
            return Err(InvalidDestination::Character);
        }
        let (host, port) = host_and_port(authority, tls)?;
        Ok(Self { tls, host, port, authority: authority.to_owned(), path: path.to_owned(), query })
    }

    /// The request target (RFC 9112, section 3.2.1) of an attempt.
    ///
    /// With `lock_path` it is exactly the destination's path and query. Otherwise the caller's
    /// extra path is appended to the path and the caller's query to the query, byte for byte.
    ///
    /// # Errors
    /// [`PathEscapes`] when the extra path, read with its `..` segments (also percent-encoded, also
    /// with backslashes, or with parameters behind the dots), would lead above the destination's path,
    /// or is percent-encoded more than four times.
    pub fn target(&self, extra_path: &[u8], query: Option<&[u8]>, lock_path: bool) -> Result<Bytes, PathEscapes> {
        let mut target = Vec::with_capacity(self.path.len() + extra_path.len() + 64);
        target.extend_from_slice(self.path.as_bytes());
        if !lock_path {
            if climbs(extra_path) {
                return Err(PathEscapes);
            }
            if target.last() == Some(&b'/') && extra_path.first() == Some(&b'/') {
                target.pop();
            }
            target.extend_from_slice(extra_path);
        }
        if target.first() != Some(&b'/') {
            target.insert(0, b'/');
        }
        let own = self.query.as_deref().map(str::as_bytes);
        let callers = query.filter(|_| !lock_path);
        if own.is_some() || callers.is_some() {
            target.push(b'?');
            target.extend_from_slice(own.unwrap_or_default());
            if own.is_some_and(|q| !q.is_empty()) && callers.is_some_and(|q| !q.is_empty()) {
                target.push(b'&');
            }
            target.extend_from_slice(callers.unwrap_or_default());
        }
        Ok(target.into())
    }
}

fn host_and_port(authority: &str, tls: bool) -> Result<(String, u16), InvalidDestination> {
    let default = if tls { 443 } else { 80 };
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']').ok_or(InvalidDestination::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| InvalidDestination::Host)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(InvalidDestination::Port)?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err(InvalidDestination::Host);
    }
    let port = match port {
        None => default,
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map_err(|_| InvalidDestination::Port)?,
        Some(_) => return Err(InvalidDestination::Port),
    };
    if port == 0 {
        return Err(InvalidDestination::Port);
    }
    Ok((host.to_owned(), port))
}

/// How many times a path may have been percent-encoded. Nobody decodes as often, and each time costs
/// as much as the path is long.
const ENCODINGS_MAX: usize = 4;

/// Whether the path's `..` segments ever outnumber the others before them.
fn climbs(extra_path: &[u8]) -> bool {
    let mut depth = 0i64;
    let Some(decoded) = percent_decoded(extra_path) else { return true };
    for segment in decoded.split(|b| *b == b'/' || *b == b'\\') {
        // Some servers cut off what they take for parameters of a segment, and then follow the dots.
        match segment.split(|b| *b == b';').next().unwrap_or_default() {
            b"" | b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// Decoded until nothing changes: a destination may decode more than once. None for a path that was
/// encoded more than [`ENCODINGS_MAX`] times.
fn percent_decoded(path: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = path.to_vec();
    for _ in 0..=ENCODINGS_MAX {
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
            match hex.and_then(|h| u8::from_str_radix(h, 16).ok()).filter(|_| bytes[at] == b'%') {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        if out == bytes {
            return Some(out);
        }
        bytes = out;
    }
    None
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
