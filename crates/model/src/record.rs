//! The records of the directory: what people configure.
//!
//! They are stored as JSON, sealed. A field that is added gets a default, so that records
//! written by an older version still read; a field's name is never used again for another meaning.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, BucketId, GroupId, InputId, OutputId, TokenId};
use crate::name::Name;
use crate::time::UnixMs;

/// How far back a cursor reaches unless the bucket says otherwise, in seconds.
pub const WINDOW_SECONDS_DEFAULT: u32 = 600;
/// The longest window: the retention of the event streams, in seconds.
pub const WINDOW_SECONDS_MAX: u32 = 7 * 24 * 3600;
/// How long an attempt may take unless the output says otherwise, in seconds.
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 30;
/// The longest timeout of an output, in seconds.
pub const TIMEOUT_SECONDS_MAX: u32 = 180;
/// The largest static answer of an input, in bytes.
pub const ANSWER_BYTES_MAX: usize = 250 * 1024;

/// A tenant; owns everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// When it was made.
    pub created_at: UnixMs,
}

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
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

impl Bucket {
    /// How far back a cursor may reach.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.window_seconds.into())
    }
}

/// A public endpoint of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its id, the last part of its URL.
    pub id: InputId,
    /// Whose it is.
    pub account: AccountId,
    /// The bucket it belongs to.
    pub bucket: BucketId,
    /// Its name, unique in the bucket; free text for the one that is made with a bucket.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The answer to every caller instead of the plain 200.
    #[serde(default)]
    pub answer: Answer,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

/// A static answer to callers. The default is 200 without headers or body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status; 0 means 200.
    #[serde(default)]
    pub status: u16,
    /// Headers, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body; at most [`ANSWER_BYTES_MAX`] bytes.
    #[serde(default)]
    pub body: String,
}

/// Where a bucket's events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its id.
    pub id: OutputId,
    /// Whose it is.
    pub account: AccountId,
    /// The bucket whose events it gets.
    pub bucket: BucketId,
    /// Its name, unique in the bucket.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The URL that is called.
    pub destination: String,
    /// Called by an agent (true) or by the dispatcher (false).
    #[serde(default)]
    pub internal: bool,
    /// Gets nothing while set.
    #[serde(default)]
    pub disabled: bool,
    /// Calls exactly the destination: the caller's extra path and query are left out.
    #[serde(default)]
    pub lock_path: bool,
    /// How long an attempt may take, in seconds; 0 means [`TIMEOUT_SECONDS_DEFAULT`].
    #[serde(default)]
    pub timeout_seconds: u32,
    /// 0: try again while the window lasts; n: at most n further attempts; -1: none.
    #[serde(default)]
    pub retries: i32,
    /// Whether the destination's certificate is verified.
    #[serde(default = "yes")]
    pub tls_verification: bool,
    /// Headers that replace those of the caller, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

impl Output {
    /// How long an attempt may take.
    pub fn timeout(&self) -> Duration {
        let seconds = match self.timeout_seconds {
            0 => TIMEOUT_SECONDS_DEFAULT,
            n => n.min(TIMEOUT_SECONDS_MAX),
        };
        Duration::from_secs(seconds.into())
    }
}

/// A credential. Its hash is kept elsewhere, where only `auth` reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id, also called the key.
    pub id: TokenId,
    /// Whose it is.
    pub account: AccountId,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// What it may reach.
    #[serde(default)]
    pub scopes: Scopes,
    /// Whether it may be used for the REST API; agents need no such right.
    #[serde(default)]
    pub api_access: ApiAccess,
    /// False once it is revoked.
    #[serde(default = "yes")]
    pub active: bool,
    /// Grows with every change that must end what was granted before.
    #[serde(default)]
    pub generation: u64,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

/// What a token may reach; empty lists mean everything of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes {
    /// Names of buckets.
    #[serde(default)]
    pub buckets: Vec<String>,
    /// Names of tunnels.
    #[serde(default)]
    pub tunnels: Vec<String>,
}

impl Scopes {
    /// Whether the bucket of this name may be reached.
    pub fn allow_bucket(&self, name: &Name) -> bool {
        self.buckets.is_empty() || self.buckets.iter().any(|b| b == name.as_str())
    }
}

/// Whether a token may be used for the REST API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiAccess {
    /// It may.
    #[default]
    Enabled,
    /// It may not.
    Disabled,
}

/// A group that has attached to an output at least once; its deliveries are owed from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The output.
    pub output: OutputId,
    /// The output's bucket.
    pub bucket: BucketId,
    /// The account.
    pub account: AccountId,
    /// The name given by `--group`, or the token's id.
    pub name: String,
    /// When it first attached.
    pub created_at: UnixMs,
}

fn yes() -> bool {
    true
}

fn window_default() -> u32 {
    WINDOW_SECONDS_DEFAULT
}
