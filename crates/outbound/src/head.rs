//! The head of a request to a destination, exactly as it goes over the wire.

use bytes::{BufMut, Bytes, BytesMut};
use model::request::Header;

/// The largest head that is sent, in bytes: what ingress accepts, and the relay's own lines.
pub(crate) const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Request line, header lines and the empty line, proven to be the head of exactly one request
/// with a body of a known size.
#[derive(Clone, Debug)]
pub struct Head {
    bytes: Bytes,
    method: http::Method,
    target: Bytes,
    body_bytes: u64,
}

/// Why no request can be made of these parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHead {
    /// No method, or `CONNECT`, which asks for a tunnel.
    #[error("the method cannot be sent to a destination")]
    Method,
    /// White space or a control character in the request target.
    #[error("the request target cannot be sent")]
    Target,
    /// A header line that would break the head.
    #[error("a header line cannot be sent")]
    Line,
    /// `Content-Length` is missing, doubled or wrong, or there is a `Transfer-Encoding`.
    #[error("the header lines do not agree with the body")]
    Framing,
    /// More bytes than the limit.
    #[error("the head is larger than {HEAD_BYTES_MAX} bytes")]
    TooLarge,
}

impl Head {
    /// Builds the head of a request with a body of `body_bytes` bytes.
    ///
    /// # Errors
    /// When a server could read the result as anything but one such request.
    pub fn new(method: &str, target: &[u8], lines: &[Header], body_bytes: u64) -> Result<Self, InvalidHead> {
        let method = http::Method::from_bytes(method.as_bytes()).map_err(|_| InvalidHead::Method)?;
        if method == http::Method::CONNECT {
            return Err(InvalidHead::Method);
        }
        if target.is_empty() || target.iter().any(|b| *b <= b' ' || *b == 0x7f) {
            return Err(InvalidHead::Target);
        }
        if !lines.iter().all(|line| is_token(&line.name) && is_value(&line.value)) {
            return Err(InvalidHead::Line);
        }
        if !is_framed(lines, body_bytes) {
            return Err(InvalidHead::Framing);
        }
        let lines_bytes: usize = lines.iter().map(|line| line.name.len() + line.value.len() + 4).sum();
        let size = method.as_str().len() + target.len() + 14 + lines_bytes;
        if size > HEAD_BYTES_MAX {
            return Err(InvalidHead::TooLarge);
        }
        let mut bytes = BytesMut::with_capacity(size);
        for part in [method.as_str().as_bytes(), b" ", target, b" HTTP/1.1\r\n"] {
            bytes.put_slice(part);
        }
        for line in lines {
            for part in [&line.name[..], b": ", &line.value, b"\r\n"] {
                bytes.put_slice(part);
            }
        }
        bytes.put_slice(b"\r\n");
        let bytes = bytes.freeze();
        let target_at = method.as_str().len() + 1;
        Ok(Self { target: bytes.slice(target_at..target_at + target.len()), bytes, method, body_bytes })
    }

    /// What goes over the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The method; it decides how an answer is read.
    pub fn method(&self) -> &http::Method {
        &self.method
    }

    /// The request target.
    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// The size of the body that follows.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(name: &[u8]) -> bool {
    let symbol = |b: &u8| b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || symbol(b))
}

/// RFC 9110, section 5.5: anything but what ends a line, and NUL.
fn is_value(value: &[u8]) -> bool {
    !value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
}

fn is_framed(lines: &[Header], body_bytes: u64) -> bool {
    let mut lengths = lines.iter().filter(|line| line.is("content-length"));
    let length_is_right = match (lengths.next(), lengths.next()) {
        (None, _) => body_bytes == 0,
        (Some(only), None) => only.value == body_bytes.to_string().as_bytes(),
        (Some(_), Some(_)) => false,
    };
    length_is_right && !lines.iter().any(|line| line.is("transfer-encoding"))
}

#[cfg(test)]
mod tests;
