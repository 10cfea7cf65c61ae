//! What can go wrong with credentials.

use crate::budget;

/// Why something could not be done; a wrong secret is an answer and not one of these.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too much is being hashed; trying again later may help.
    #[error("too many secrets are being hashed")]
    Busy,
    /// The secret that the operator chose for the admin is too short to be safe.
    #[error("the secret of the admin has {bytes} bytes, and needs at least {bytes_min}")]
    SecretTooShort {
        /// How long it is.
        bytes: usize,
        /// How long it must be.
        bytes_min: usize,
    },
    /// The key that the operator chose for the admin is the token of another account.
    #[error("the key of the admin is a token of another account")]
    KeyTaken,
    /// The store could not do its part.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A key or a hash could not be made or read.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}

impl From<budget::Busy> for Error {
    fn from(_: budget::Busy) -> Self {
        Self::Busy
    }
}
