//! What the API's objects look like, as far as the command line reads them. What it does not
//! read is kept, so that `--json` shows all that the server said.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// A bucket with its inputs and outputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Its inputs.
    #[serde(default, deserialize_with = "or_null")]
    pub inputs: Vec<Input>,
    /// Its outputs.
    #[serde(default, deserialize_with = "or_null")]
    pub outputs: Vec<Output>,
    /// Whether its events are kept in memory only.
    #[serde(default)]
    pub ephemeral: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The id of its bucket.
    #[serde(default)]
    pub bucket_id: String,
    /// Its public URL, when the server says it.
    #[serde(default)]
    pub url: String,
    /// The status of its static answer; 0 means 200.
    #[serde(default)]
    pub status_code: u16,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Output {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The id of its bucket.
    #[serde(default)]
    pub bucket_id: String,
    /// The URL that is called.
    #[serde(default)]
    pub destination: String,
    /// Called by an agent.
    #[serde(default)]
    pub internal: bool,
    /// Gets nothing while set.
    #[serde(default)]
    pub disabled: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// Its id, also called the key.
    pub id: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// What it may reach.
    #[serde(default, deserialize_with = "or_null")]
    pub scopes: Scopes,
    /// `enabled` or `disabled`.
    #[serde(default)]
    pub api_access: String,
    /// False once it is revoked.
    #[serde(default)]
    pub active: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a token may reach; empty lists mean everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Scopes {
    /// Names of buckets.
    #[serde(default, deserialize_with = "or_null")]
    pub buckets: Vec<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A token that was just made.
#[derive(Clone, Debug, Deserialize)]
pub struct Issued {
    /// The key.
    pub key: String,
    /// The secret; it is never shown again.
    pub secret: Secret,
}

/// Servers in Go write an empty list as `null`.
///
/// # Errors
/// When it is neither `null` nor what is asked for.
pub fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
