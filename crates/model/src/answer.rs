//! What a destination answered, in the form that is sealed, stored, and brought back to a caller.

use bytes::Bytes;

use crate::request::Header;

/// How much of a body goes back to a caller who waits for it, in bytes.
pub const ANSWER_CARRIED_BYTES_MAX: usize = 1024 * 1024;
/// How much of a body is kept, in bytes: enough to read what went wrong.
pub const ANSWER_KEPT_BYTES_MAX: usize = 64 * 1024;

/// A destination's answer.
///
/// Stored as Protocol Buffers (proto3 wire format); a field number is never used again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Answer {
    /// The status.
    #[prost(uint32, tag = "1")]
    pub status: u32,
    /// Every header line, in order, names as written.
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<Header>,
    /// The body, or its beginning.
    #[prost(bytes = "bytes", tag = "3")]
    pub body: Bytes,
    /// The size of the whole body, as far as it was read, in bytes.
    #[prost(uint64, tag = "4")]
    pub body_bytes: u64,
}

impl Answer {
    /// Whether the body is not all there.
    pub fn is_cut(&self) -> bool {
        self.body_bytes > self.body.len() as u64
    }

    /// As much of it as is kept.
    pub fn kept(&self) -> Self {
        Self { body: self.body.slice(..self.body.len().min(ANSWER_KEPT_BYTES_MAX)), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_cut_at_the_limit() {
        for (bytes, kept, cut) in [
            (0, 0, false),
            (ANSWER_KEPT_BYTES_MAX, ANSWER_KEPT_BYTES_MAX, false),
            (ANSWER_KEPT_BYTES_MAX + 1, ANSWER_KEPT_BYTES_MAX, true),
        ] {
            let answer = Answer { body: vec![7; bytes].into(), body_bytes: bytes as u64, ..Answer::default() }.kept();
            assert_eq!((answer.body.len(), answer.is_cut()), (kept, cut), "{bytes}");
        }
    }
}
