//! The agent protocol: generated code, and conversions to and from the model.
//!
//! `proto/relay/agent/v1/agent.proto` is the source. The generated code is checked in; a test
//! generates it again and fails on any difference (`UPDATE=1 cargo test -p proto` rewrites it).

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::allow_attributes_without_reason, reason = "generated")]
#[rustfmt::skip]
mod generated;
mod codec;
mod convert;
pub mod web_socket;

pub use convert::InvalidMessage;

/// Protocol version 1.
pub mod v1 {
    pub use crate::generated::*;
}

/// The largest message that either side sends or accepts, in bytes: a body's largest inline part,
/// its headers, and some room.
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;
