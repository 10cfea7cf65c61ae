//! Tokens and what they may reach.

use serde::{Deserialize, Serialize};

use super::yes;
use crate::id::{AccountId, TokenId};
use crate::name::Name;
use crate::time::UnixMs;

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

impl Token {
    /// Whether what was granted at this generation still counts.
    pub fn counts(&self, generation: u64) -> bool {
        self.active && self.generation == generation
    }
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
