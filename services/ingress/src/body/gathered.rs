//! Bytes of a body that were received and not yet handed on.

use bytes::{Bytes, BytesMut};

/// The part of a body that is in hand. A body that comes in one part is never copied.
#[derive(Debug)]
pub(super) struct Gathered {
    parts: Parts,
    expected_bytes: usize,
}

#[derive(Debug)]
enum Parts {
    One(Bytes),
    Many(BytesMut),
}

impl Gathered {
    /// Nothing yet, of about this size in the end.
    pub(super) fn expecting(bytes: usize) -> Self {
        Self { parts: Parts::One(Bytes::new()), expected_bytes: bytes }
    }

    /// Adds what comes next.
    pub(super) fn push(&mut self, data: Bytes) {
        match &mut self.parts {
            Parts::One(one) if one.is_empty() => *one = data,
            Parts::One(one) => {
                let mut many = BytesMut::with_capacity(self.expected_bytes.max(one.len() + data.len()));
                many.extend_from_slice(one);
                many.extend_from_slice(&data);
                self.parts = Parts::Many(many);
            }
            Parts::Many(many) => many.extend_from_slice(&data),
        }
    }

    /// Takes this many bytes off the front, if there are as many.
    pub(super) fn cut(&mut self, bytes: usize) -> Option<Bytes> {
        match &mut self.parts {
            Parts::One(one) if one.len() >= bytes => Some(one.split_to(bytes)),
            Parts::Many(many) if many.len() >= bytes => Some(many.split_to(bytes).freeze()),
            Parts::One(_) | Parts::Many(_) => None,
        }
    }

    /// Takes everything.
    pub(super) fn take(self) -> Bytes {
        match self.parts {
            Parts::One(one) => one,
            Parts::Many(many) => many.freeze(),
        }
    }
}
