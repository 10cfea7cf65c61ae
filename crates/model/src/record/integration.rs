//! Where an account wants to be told of trouble.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, BucketId, IntegrationId};
use crate::time::UnixMs;

/// A place that alerts are posted to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// Whose it is.
    pub account: AccountId,
    /// In which form alerts are posted.
    pub plugin: Plugin,
    /// Where to.
    pub webhook_url: String,
    /// Which alerts, by name; empty for all.
    #[serde(default)]
    pub events: Vec<String>,
    /// The buckets that it is attached to.
    #[serde(default)]
    pub buckets: Vec<BucketId>,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Posts nothing while set.
    #[serde(default)]
    pub disabled: bool,
    /// Why the server disabled it, if it did; shown to the owner.
    #[serde(default)]
    pub message: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

/// The form of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plugin {
    /// A message for Slack's incoming webhooks.
    Slack,
    /// JSON.
    Webhook,
}

impl std::fmt::Debug for Integration {
    /// Without the URL: such URLs are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Integration").field("id", &self.id).field("plugin", &self.plugin).finish_non_exhaustive()
    }
}
