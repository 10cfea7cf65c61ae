//! The head of an HTTP/1 request exactly as it came, and the judgement on its framing.

mod judge;

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::Version;
use model::request::Header;

use crate::Refusal;
pub(crate) use judge::is_authority_byte;

/// The most bytes of one head, from its request line to its empty line. Senders' heads are a few
/// hundred bytes; the limit bounds what a connection can make the tap hold.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most header lines of one head, the same as hyper's.
pub const HEADER_LINES_MAX: usize = 100;

/// How the first line of an HTTP/2 connection starts, up to where HTTP/1 ends (RFC 9113, section 3.4).
const HTTP_2_START: &[u8] = b"PRI * HTTP/2";

/// The head of one request, byte for byte: nothing is folded, sorted, merged or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawHead {
    /// The method, in the case it was written in.
    pub method: Bytes,
    /// The request target as written: origin, absolute or asterisk form (RFC 9112, section 3.2).
    pub target: Bytes,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// Every header line in order, with duplicates; names as written, values without the white space around them.
    pub headers: Vec<Header>,
    /// It asks for another protocol: what follows is no HTTP for the tap, so that any answer but 101
    /// has to end the connection.
    pub upgrades: bool,
    /// Set when the request must be refused; the fields above are then as far as they were read.
    pub refusal: Option<Refusal>,
}

/// How the bytes after a head are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes of body, then the next head.
    Length(u64),
    /// A chunked body, then the next head.
    Chunked,
    /// The connection leaves HTTP/1: everything after is another protocol.
    Upgrade,
}

/// What came of reading the start of a message.
pub(crate) enum Parsed {
    /// The head is not whole yet.
    Partial,
    /// This is HTTP/2.
    Http2,
    /// A whole head of so many bytes, and how its body is framed; the framing of a refused head is nothing to follow.
    Whole(usize, RawHead, Framing),
}

impl RawHead {
    /// Reads a head from the start of `bytes`. A head that does not parse is whole and refused.
    pub(crate) fn parse(bytes: &[u8]) -> Parsed {
        let mut lines = [const { MaybeUninit::uninit() }; HEADER_LINES_MAX];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(bytes, &mut lines) {
            Ok(httparse::Status::Partial) => Parsed::Partial,
            Ok(httparse::Status::Complete(len)) => {
                let judged = judge::framing(&bytes[..len], &request);
                let mut head = Self::copy(&bytes[..len], &request);
                head.upgrades = judged == Ok(Framing::Upgrade);
                head.refusal = judged.err();
                Parsed::Whole(len, head, judged.unwrap_or(Framing::Length(0)))
            }
            Err(httparse::Error::Version) if bytes.starts_with(HTTP_2_START) => Parsed::Http2,
            Err(httparse::Error::TooManyHeaders) => refused(bytes.len(), Refusal::TooManyHeaders),
            Err(_) => refused(bytes.len(), Refusal::Malformed),
        }
    }

    /// A head of which nothing is known but that it is refused.
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self {
            method: Bytes::new(),
            target: Bytes::new(),
            version: Version::HTTP_11,
            headers: Vec::new(),
            upgrades: false,
            refusal: Some(refusal),
        }
    }

    /// Copies the head once; every part of it is a slice of that copy.
    fn copy(bytes: &[u8], request: &httparse::Request<'_, '_>) -> Self {
        let whole = Bytes::copy_from_slice(bytes);
        let part = |part: &[u8]| {
            let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
            whole.slice(start..start + part.len())
        };
        let line = |line: &httparse::Header<'_>| Header { name: part(line.name.as_bytes()), value: part(line.value) };
        Self {
            method: part(request.method.unwrap_or_default().as_bytes()),
            target: part(request.path.unwrap_or_default().as_bytes()),
            version: if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 },
            headers: request.headers.iter().map(line).collect(),
            upgrades: false,
            refusal: None,
        }
    }
}

fn refused(len: usize, refusal: Refusal) -> Parsed {
    Parsed::Whole(len, RawHead::refused(refusal), Framing::Length(0))
}

#[cfg(test)]
mod tests;
