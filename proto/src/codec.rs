//! The codec of the generated code: protobuf, with small buffers.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{self, BufferSettings};
use tonic_prost::ProstCodec;

/// How much a stream's buffers for encoding and for decoding hold at first, in bytes. They grow
/// with the messages. Most sessions are idle most of the time, and tonic's own default of 8 KiB each
/// would be a third of what such a session costs.
const BUFFER_BYTES: usize = 512;
/// A full encoding buffer is handed on when it has so much, in bytes: tonic's own default.
const YIELD_BYTES: usize = 32 * 1024;

/// Encodes `T` and decodes `U` as protobuf.
#[derive(Debug)]
pub(crate) struct Codec<T, U> {
    _messages: PhantomData<(T, U)>,
}

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self { _messages: PhantomData }
    }
}

impl<T, U> codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as codec::Codec>::Encoder;
    type Decoder = <ProstCodec<T, U> as codec::Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(buffers())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(buffers())
    }
}

fn buffers() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}
