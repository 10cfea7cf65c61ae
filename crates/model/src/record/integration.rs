//! Where an account wants to be told of trouble.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
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

impl Integration {
    /// Whether it is to be told of this trouble in that bucket.
    pub fn wants(&self, alert: Alert, bucket: BucketId) -> bool {
        let is_chosen = self.events.is_empty() || self.events.iter().any(|name| name == alert.name());
        !self.disabled && is_chosen && self.buckets.contains(&bucket)
    }
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_what_was_chosen_is_wanted_and_only_of_its_buckets() {
        let (bucket, other) = (BucketId(Uuid::from_u128(1)), BucketId(Uuid::from_u128(2)));
        let all = Integration {
            id: IntegrationId(Uuid::nil()),
            account: AccountId(Uuid::nil()),
            plugin: Plugin::Webhook,
            webhook_url: "https://a.example/secret".into(),
            events: Vec::new(),
            buckets: vec![bucket],
            description: String::new(),
            disabled: false,
            message: String::new(),
            created_at: UnixMs(0),
            updated_at: UnixMs(0),
        };
        assert!(Alert::ALL.iter().all(|alert| all.wants(*alert, bucket) && !all.wants(*alert, other)));
        let some = Integration { events: vec![Alert::Lag.name().into()], ..all.clone() };
        assert!(some.wants(Alert::Lag, bucket) && !some.wants(Alert::CircuitOpen, bucket));
        let none = Integration { disabled: true, ..all };
        assert!(!none.wants(Alert::Lag, bucket));
        assert!(!format!("{none:?}").contains("secret"));
    }
}
