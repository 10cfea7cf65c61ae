//! The request line and headers of a webhook in the form that is stored.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::request::Parts;
use http::{HeaderMap, Version};
use model::request::{Header, Request};

use crate::endpoint::Endpoint;
use crate::head::is_authority_byte;
use crate::{HEADER_LINES_MAX, RawHead, Refusal};

/// What is known of a webhook before its body is read.
#[derive(Debug, PartialEq)]
pub(crate) struct Captured {
    /// Which input it is for.
    pub(crate) endpoint: Endpoint,
    /// The method as written.
    pub(crate) method: String,
    /// Every header line in order.
    pub(crate) headers: Vec<Header>,
    /// The size of the body that the caller announced, in bytes.
    pub(crate) length: Option<u64>,
    /// Whether the message has a body, be it empty.
    pub(crate) has_body: bool,
}

impl Captured {
    /// Takes an HTTP/1 head as the tap read it.
    ///
    /// # Errors
    /// The head's own refusal.
    pub(crate) fn from_head(head: RawHead) -> Result<Self, Refusal> {
        if let Some(refusal) = head.refusal {
            return Err(refusal);
        }
        let length = head.headers.iter().find(|h| h.is("content-length"));
        let length = length.and_then(|h| std::str::from_utf8(&h.value).ok()?.parse().ok());
        let is_chunked = head.headers.iter().any(|h| h.is("transfer-encoding"));
        Ok(Self {
            endpoint: Endpoint::parse(&head.target),
            method: String::from_utf8_lossy(&head.method).into_owned(),
            has_body: length.is_some() || is_chunked,
            length,
            headers: head.headers,
        })
    }

    /// Takes an HTTP/2 request, which has no head as text: names are in lower case, and only the
    /// order of values of one name is known. `:authority` is told as `host` (RFC 9113, section
    /// 8.3.1) and split cookies are joined (section 8.2.3). `ended` says that no body follows.
    ///
    /// # Errors
    /// [`Refusal::TooManyHeaders`], and [`Refusal::Host`] or [`Refusal::Authority`] when there are
    /// two hosts, or one with a user.
    pub(crate) fn from_parts(parts: &Parts, ended: bool) -> Result<Self, Refusal> {
        if parts.headers.len() > HEADER_LINES_MAX {
            return Err(Refusal::TooManyHeaders);
        }
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Self {
            endpoint: Endpoint::parse(&Bytes::copy_from_slice(target.as_bytes())),
            method: parts.method.as_str().to_owned(),
            headers: lines(&parts.headers, host(parts)?),
            length,
            has_body: !ended || length.is_some(),
        })
    }

    /// Takes whichever of the two the version has.
    ///
    /// # Errors
    /// [`Refusal::Unseen`] for HTTP/1 without a head, and those of the two.
    pub(crate) fn of(head: Option<RawHead>, parts: &Parts, ended: bool) -> Result<Self, Refusal> {
        if parts.version > Version::HTTP_11 {
            return Self::from_parts(parts, ended);
        }
        Self::from_head(head.ok_or(Refusal::Unseen)?)
    }

    /// The authority that it was sent to.
    pub(crate) fn host(&self) -> Option<&str> {
        let host = self.headers.iter().find(|header| header.is("host"))?;
        std::str::from_utf8(&host.value).ok()
    }

    /// The request as it is stored, less its body.
    pub(crate) fn into_request(self, extra_path: Bytes, peer: SocketAddr, tls: bool) -> Request {
        Request {
            method: self.method,
            extra_path,
            query: self.endpoint.query,
            headers: self.headers,
            peer: peer.ip().to_canonical().to_string(),
            tls,
            has_body: self.has_body,
            ..Request::default()
        }
    }
}

fn host(parts: &Parts) -> Result<Option<Bytes>, Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().map(|value| Bytes::copy_from_slice(value.as_bytes()));
    if hosts.next().is_some() {
        return Err(Refusal::Host);
    }
    let authority = parts.uri.authority().map(|authority| Bytes::copy_from_slice(authority.as_str().as_bytes()));
    match (&host, &authority) {
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => Err(Refusal::Authority),
        _ => match authority.or(host) {
            Some(host) if !host.iter().copied().all(is_authority_byte) => Err(Refusal::Host),
            host => Ok(host),
        },
    }
}

fn lines(headers: &HeaderMap, host: Option<Bytes>) -> Vec<Header> {
    let host = host.map(|value| Header { name: Bytes::from_static(b"host"), value });
    let mut lines: Vec<Header> = host.into_iter().collect();
    let mut has_cookies = false;
    for (name, value) in headers {
        if name == HOST {
            continue;
        }
        if name == COOKIE && std::mem::replace(&mut has_cookies, true) {
            continue;
        }
        let value = if name == COOKIE { cookies(headers) } else { Bytes::copy_from_slice(value.as_bytes()) };
        lines.push(Header { name: Bytes::copy_from_slice(name.as_str().as_bytes()), value });
    }
    lines
}

fn cookies(headers: &HeaderMap) -> Bytes {
    let mut joined = BytesMut::new();
    for value in headers.get_all(COOKIE) {
        if !joined.is_empty() {
            joined.extend_from_slice(b"; ");
        }
        joined.extend_from_slice(value.as_bytes());
    }
    joined.freeze()
}

#[cfg(test)]
mod tests;
