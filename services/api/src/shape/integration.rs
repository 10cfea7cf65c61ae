//! Integrations as JSON: where an account wants to be told of trouble.

use model::alert::Alert;
use model::destination::Destination;
use model::record::{self, Plugin};
use model::{AccountId, BucketId, IntegrationId, UnixMs};
use serde::Serialize;

use super::Fields;
use crate::error::Error;
use crate::limits::DESTINATION_BYTES_MAX;

const PLUGINS: [(&str, Plugin); 2] = [("slack", Plugin::Slack), ("webhook", Plugin::Webhook)];
/// Longer than the name of any event.
const EVENT_BYTES_MAX: usize = 64;

/// What a request says about an integration.
#[derive(Debug)]
pub(crate) struct Change {
    plugin: Option<Plugin>,
    webhook_url: Option<String>,
    events: Option<Vec<String>>,
    description: Option<String>,
    disabled: Option<bool>,
}

impl Change {
    /// Reads what is said.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn read(fields: &Fields) -> Result<Self, Error> {
        let configuration = fields.object("configuration")?.unwrap_or_default();
        let url = configuration.text("webhook_url", DESTINATION_BYTES_MAX)?.filter(|url| !url.is_empty());
        if let Some(Err(error)) = url.map(Destination::parse) {
            return Err(configuration.invalid("webhook_url", error));
        }
        let (events, known) = (fields.texts("events", Alert::ALL.len(), EVENT_BYTES_MAX)?, Alert::ALL.map(Alert::name));
        if events.iter().flatten().any(|event| !known.contains(&event.as_str())) {
            return Err(fields.invalid("events", format_args!("must be of {}", known.join(", "))));
        }
        Ok(Self {
            plugin: fields.choice("plugin", &PLUGINS)?,
            webhook_url: url.map(str::to_owned),
            events,
            description: fields.description()?,
            disabled: fields.flag("disabled")?,
        })
    }

    /// Changes an integration. What is set free has nothing to complain of.
    pub(crate) fn apply(&self, integration: &mut record::Integration) {
        integration.plugin = self.plugin.unwrap_or(integration.plugin);
        if let Some(url) = &self.webhook_url {
            integration.webhook_url.clone_from(url);
        }
        if let Some(events) = &self.events {
            integration.events.clone_from(events);
        }
        if let Some(description) = &self.description {
            integration.description.clone_from(description);
        }
        integration.disabled = self.disabled.unwrap_or(integration.disabled);
        if self.disabled == Some(false) {
            integration.message.clear();
        }
    }
}

/// Reads what is said about a new integration.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn read_new(
    fields: &Fields,
    account: AccountId,
    id: IntegrationId,
    now: UnixMs,
) -> Result<record::Integration, Error> {
    let change = Change::read(fields)?;
    let missing = |field| Error::invalid(field, "is missing");
    let mut integration = record::Integration {
        id,
        account,
        plugin: change.plugin.ok_or_else(|| missing("plugin"))?,
        webhook_url: change.webhook_url.clone().ok_or_else(|| missing("configuration.webhook_url"))?,
        events: Vec::new(),
        buckets: Vec::new(),
        description: String::new(),
        disabled: false,
        message: String::new(),
        created_at: now,
        updated_at: now,
    };
    change.apply(&mut integration);
    Ok(integration)
}

/// An integration.
#[derive(Serialize)]
pub(crate) struct Integration<'a> {
    id: IntegrationId,
    plugin: Plugin,
    description: &'a str,
    disabled: bool,
    events: &'a [String],
    configuration: Configuration<'a>,
    buckets: Vec<Attached>,
    status: &'static str,
    message: &'a str,
    created_at: u64,
    updated_at: u64,
}

#[derive(Default, Serialize)]
struct Configuration<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
}

/// A bucket that an integration is attached to.
#[derive(Clone, Serialize)]
pub(crate) struct Attached {
    /// Its id.
    pub(crate) id: BucketId,
    /// Its name.
    pub(crate) name: String,
}

impl<'a> Integration<'a> {
    /// Shows an integration to whoever may manage it.
    pub(crate) fn new(integration: &'a record::Integration, buckets: Vec<Attached>) -> Self {
        let configuration = Configuration { webhook_url: Some(&integration.webhook_url) };
        Self { configuration, buckets, ..Self::without_secrets(integration) }
    }

    /// Shows an integration to whoever sees a bucket of it: without the URL, which is as good as a secret.
    pub(crate) fn without_secrets(integration: &'a record::Integration) -> Self {
        Self {
            id: integration.id,
            plugin: integration.plugin,
            description: &integration.description,
            disabled: integration.disabled,
            events: &integration.events,
            configuration: Configuration::default(),
            buckets: Vec::new(),
            status: if integration.disabled { "disabled" } else { "active" },
            message: &integration.message,
            created_at: integration.created_at.seconds(),
            updated_at: integration.updated_at.seconds(),
        }
    }
}
