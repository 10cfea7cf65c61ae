//! Identifiers: one newtype for each thing that has an id, so that they cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::UnixMs;

/// A text that is not the hyphenated or simple form of a UUID (RFC 9562).
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

id!(
    /// A tenant.
    AccountId
);
id!(
    /// A named set of inputs and outputs.
    BucketId
);
id!(
    /// A public endpoint; a random UUID (version 4), so that it cannot be guessed.
    InputId
);
id!(
    /// Where a bucket's events go.
    OutputId
);
id!(
    /// One webhook as received; a UUID of version 7, so that it sorts by time of receipt.
    EventId
);
id!(
    /// The public half of a credential, also called its key.
    TokenId
);
id!(
    /// Agents that share one cursor.
    GroupId
);
id!(
    /// One live connection of an agent.
    SessionId
);
id!(
    /// One event on its way to one output: what the REST API calls a log.
    DeliveryId
);
id!(
    /// A running dispatcher.
    DispatcherId
);
id!(
    /// A host name of an account.
    DomainId
);
id!(
    /// A place that alerts are posted to.
    IntegrationId
);
id!(
    /// A webhook by the clock.
    CronId
);

impl DeliveryId {
    /// The delivery of an event to an output; the same two always give the same id (UUID version 5
    /// with the event as name space).
    pub fn of(event: EventId, output: OutputId) -> Self {
        Self(Uuid::new_v5(&event.0, output.0.as_bytes()))
    }
}

impl OutputId {
    /// Stands for the output of a bucket that has none: clients that subscribe to the bucket get
    /// its events all the same.
    pub const NONE: Self = Self(Uuid::nil());

    /// The 16 bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl EventId {
    /// The 16 bytes of the id, as facts store it.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads an id from its 16 bytes; any other length is refused.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, InvalidId> {
        Uuid::from_slice(bytes).map(Self).map_err(|_| InvalidId)
    }

    /// The time of receipt that a version 7 id carries (RFC 9562, section 5.7), in milliseconds.
    pub fn received_at(&self) -> UnixMs {
        let bytes = self.0.as_bytes();
        let mut millis = [0u8; 8];
        millis[2..].copy_from_slice(&bytes[..6]);
        UnixMs(u64::from_be_bytes(millis))
    }
}

impl GroupId {
    /// The dispatchers themselves, which deliver to public outputs.
    pub const PUBLIC: Self = Self(Uuid::nil());
    /// What was reported or taken over the REST API.
    pub const API: Self = Self(Uuid::from_u128(1));

    /// The group that the agents of one token share when they name none.
    pub fn of_token(token: TokenId) -> Self {
        Self(token.0)
    }

    /// The group of one socket of a token on a bucket. Each socket has its own; numbers are used
    /// again. Without the bucket those on two buckets that have no output would be the same.
    pub fn of_socket(token: TokenId, bucket: BucketId, number: u32) -> Self {
        Self(Uuid::new_v5(&token.0, &[bucket.0.as_bytes().as_slice(), &number.to_be_bytes()].concat()))
    }

    /// The group of that name in an account: the same name always gives the same id
    /// (UUID version 5 with the account as name space), so no user text gets into subjects.
    pub fn named(account: AccountId, name: &str) -> Self {
        Self(Uuid::new_v5(&account.0, name.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
