//! Buckets, and how their callers must authenticate.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::yes;
use crate::id::{AccountId, BucketId};
use crate::name::Name;
use crate::time::UnixMs;

/// How far back a cursor reaches unless the bucket says otherwise, in seconds.
pub const WINDOW_SECONDS_DEFAULT: u32 = 600;
/// The longest window: the retention of the event streams, in seconds.
pub const WINDOW_SECONDS_MAX: u32 = 7 * 24 * 3600;

/// A named set of inputs and outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its id.
    pub id: BucketId,
    /// Whose it is.
    pub account: AccountId,
    /// Its name, unique in the account.
    pub name: Name,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Whether its events are kept in memory only.
    #[serde(default)]
    pub ephemeral: bool,
    /// Whether agents and sockets get its events.
    #[serde(default = "yes")]
    pub stream: bool,
    /// How far back a cursor may reach, in seconds; at most [`WINDOW_SECONDS_MAX`].
    #[serde(default = "window_default")]
    pub window_seconds: u32,
    /// How callers of its inputs must authenticate.
    #[serde(default)]
    pub auth: CallerAuth,
    /// Takes bodies up to the server's largest instead of its usual limit.
    #[serde(default)]
    pub large_webhooks: bool,
    /// How long its events and facts are kept, in seconds; 0 for as long as the streams keep them.
    #[serde(default)]
    pub retention_seconds: u32,
    /// How often a canary goes through it, in seconds; 0 for never. See [`crate::canary`].
    #[serde(default)]
    pub canary_seconds: u32,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

impl Bucket {
    /// A bucket with everything else as it is by default.
    pub fn new(id: BucketId, account: AccountId, name: Name, now: UnixMs) -> Self {
        Self {
            id,
            account,
            name,
            description: String::new(),
            ephemeral: false,
            stream: true,
            window_seconds: WINDOW_SECONDS_DEFAULT,
            auth: CallerAuth::None,
            large_webhooks: false,
            retention_seconds: 0,
            canary_seconds: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// How far back a cursor may reach.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.into())
    }
}

/// How callers of a bucket's inputs must authenticate. Secrets are bcrypt hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallerAuth {
    /// Not at all.
    #[default]
    None,
    /// With user name and password (RFC 7617).
    Basic {
        /// The user name.
        username: String,
        /// The hash of the password.
        password_hash: String,
    },
    /// With a bearer token (RFC 6750).
    Bearer {
        /// The hash of the token.
        token_hash: String,
    },
}

fn window_default() -> u32 {
    WINDOW_SECONDS_DEFAULT
}
