//! One webhook as received, byte for byte, in the form that is sealed and stored.

use bytes::Bytes;

/// The request that a caller made, exactly as it came.
///
/// Stored as Protocol Buffers (proto3 wire format); a field number is never used again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// The method, as sent.
    #[prost(string, tag = "1")]
    pub method: String,
    /// What followed the input's id in the request target, up to the query: empty or `/…`.
    #[prost(bytes = "bytes", tag = "2")]
    pub extra_path: Bytes,
    /// What followed the first `?`; absent when there was none, empty when nothing followed it.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub query: Option<Bytes>,
    /// Every header line, in order, with duplicates, names as written.
    #[prost(message, repeated, tag = "4")]
    pub headers: Vec<Header>,
    /// The body with transfer codings removed and content codings left alone;
    /// empty when [`Request::chunks`] is set.
    #[prost(bytes = "bytes", tag = "5")]
    pub body: Bytes,
    /// Where the pieces of a large body lie.
    #[prost(message, optional, tag = "6")]
    pub chunks: Option<Chunks>,
    /// The caller's address, without the port.
    #[prost(string, tag = "7")]
    pub peer: String,
    /// Whether the caller spoke TLS.
    #[prost(bool, tag = "8")]
    pub tls: bool,
    /// The size of the whole body, in bytes.
    #[prost(uint64, tag = "9")]
    pub body_bytes: u64,
    /// Whether the caller's message had a body at all, be it empty (RFC 9112, section 6).
    #[prost(bool, tag = "10")]
    pub has_body: bool,
}

/// A header line.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Header {
    /// The name as written.
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    /// The value without the white space around it.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// References to the pieces of a large body, in order.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Chunks {
    /// The sequence of each piece in its stream.
    #[prost(uint64, repeated, tag = "1")]
    pub sequences: Vec<u64>,
}

impl Header {
    /// Whether the line's name is `name`, regardless of case (RFC 9110, section 5.1).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

impl Request {
    /// Its size as it is stored, before it is sealed, in bytes.
    pub fn stored_bytes(&self) -> usize {
        prost::Message::encoded_len(self)
    }

    /// The value of the first header line of that name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|h| h.is(name)).map(|h| &h.value[..])
    }
}
