//! What can go wrong with keys, envelopes and secrets.

use crate::key::MasterKeyId;

/// Why a key, an envelope or a secret was refused.
///
/// [`Error::Refused`] says nothing about which check failed: a wrong key, another context and a
/// flipped bit are the same answer. What stands in clear (version, suite, flags, master key id) is
/// named, because an operator has to act on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The data did not authenticate under this key and context.
    #[error("sealed data does not open under this key and context")]
    Refused,
    /// The data is too short for an envelope or does not begin like one.
    #[error("data is not a sealed envelope")]
    NotAnEnvelope,
    /// The envelope was written by a version, suite or flag that this build does not know.
    #[error("sealed envelope has unsupported {field} {value}")]
    Unsupported {
        /// The header field: `version`, `suite` or `flags`.
        field: &'static str,
        /// Its value.
        value: u8,
    },
    /// Something is longer than its named limit.
    #[error("{what} of {bytes} bytes is over the limit of {bytes_max}")]
    TooLong {
        /// What was too long.
        what: &'static str,
        /// How long it was.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// Something is empty that must not be.
    #[error("{what} is empty")]
    Empty {
        /// What was empty.
        what: &'static str,
    },
    /// A data key is wrapped by a master key that was not given to this process.
    #[error("master key {0} is not loaded")]
    UnknownMasterKey(MasterKeyId),
    /// The text or bytes of a key are not what they should be; the message never quotes them.
    #[error("{what} is not valid: {reason}")]
    InvalidKey {
        /// Which key.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A stored bcrypt hash is damaged or of another kind.
    #[error("stored token hash is not a bcrypt hash")]
    InvalidHash,
    /// The operating system gave no random bytes.
    #[error("operating system gave no random bytes")]
    Random,
}
