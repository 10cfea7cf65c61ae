//! What can go wrong with the store, as far as callers act on it.

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// NATS did not answer, or cannot take it now. Nothing is known about whether it was stored;
    /// trying again with the same id is safe.
    #[error("{what}: the store is not available")]
    Unavailable {
        /// What was tried.
        what: &'static str,
        /// What NATS or its client said.
        #[source]
        source: Option<async_nats::Error>,
    },
    /// The record was changed by someone else meanwhile.
    #[error("the record was changed meanwhile")]
    Conflict,
    /// There is a record of that key already.
    #[error("there is such a record already")]
    Exists,
    /// A sealed value could not be opened, or a key could not be had.
    #[error("{what} cannot be opened")]
    Sealed {
        /// What should have been opened.
        what: String,
        /// Why not.
        #[source]
        source: crypto::Error,
    },
    /// There is no data key for the scope: its bucket was deleted, or it has not reached us.
    #[error("there is no key for {scope}")]
    NoKey {
        /// Whose key is missing.
        scope: String,
    },
    /// The system's data key is missing beside records that it sealed.
    #[error(
        "the keyring is empty beside a directory that is not: bring the stream KV_keyring back from a backup; nothing \
         was made in its place"
    )]
    KeyringLost,
    /// Events are spread over another number of shards than this process was told.
    #[error("events are spread over {found} shards here, and not over {told}")]
    OtherShards {
        /// What it was told.
        told: u16,
        /// How many there are.
        found: u16,
    },
    /// A stored value does not have the form that this version reads.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// Whether what is stored can never be read again. Whoever has the master key could still.
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::Sealed { source: crypto::Error::UnknownMasterKey(_), .. } => false,
            Self::Sealed { .. } | Self::NoKey { .. } | Self::Unreadable { .. } => true,
            Self::Unavailable { .. } | Self::Conflict | Self::Exists | Self::KeyringLost | Self::OtherShards { .. } => {
                false
            }
        }
    }

    /// NATS or its client failed in a way that may pass.
    pub(crate) fn unavailable(what: &'static str, source: impl Into<async_nats::Error>) -> Self {
        Self::Unavailable { what, source: Some(source.into()) }
    }

    /// No answer came within the time.
    pub(crate) fn timed_out(what: &'static str) -> Self {
        Self::Unavailable { what, source: None }
    }

    pub(crate) fn sealed(what: impl ToString, source: crypto::Error) -> Self {
        Self::Sealed { what: what.to_string(), source }
    }

    pub(crate) fn unreadable(what: impl ToString, why: impl ToString) -> Self {
        Self::Unreadable { what: what.to_string(), why: why.to_string() }
    }
}
