//! What is posted: a line of text for Slack, JSON for everybody else.

use model::record::Plugin;
use model::{BucketId, DeliveryId, OutputId};
use serde::Serialize;

use super::trouble::{Named, Trouble, What};

/// JSON for a webhook.
#[derive(Serialize)]
struct Webhook<'a> {
    event: &'static str,
    message: String,
    bucket: Place<'a, BucketId>,
    /// `null` where the bucket has no output.
    output: Option<Place<'a, OutputId>>,
    group: &'a str,
    /// The log that it is about, if it is about one.
    log_id: Option<DeliveryId>,
    #[serde(flatten)]
    more: More,
    /// How often the same happened since it was last told.
    repeated: u64,
    /// When it was noticed, in Unix seconds.
    created_at: u64,
}

#[derive(Serialize)]
struct Place<'a, Id> {
    id: Id,
    name: &'a str,
}

/// Numbers, where there are any.
#[derive(Default, Serialize)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_at: Option<u64>,
}

/// A message for one of Slack's incoming webhooks.
#[derive(Serialize)]
struct Slack {
    text: String,
}

/// The body that an integration of this kind is told of the trouble with.
pub(super) fn of(plugin: Plugin, trouble: &Trouble, named: &Named, untold: u64) -> String {
    let json = match plugin {
        Plugin::Slack => serde_json::to_string(&Slack { text: slack(trouble, named, untold) }),
        Plugin::Webhook => serde_json::to_string(&webhook(trouble, named, untold)),
    };
    // Nothing in either can fail to be JSON.
    json.unwrap_or_default()
}

fn webhook<'a>(trouble: &Trouble, named: &'a Named, untold: u64) -> Webhook<'a> {
    let (key, has_output) = (trouble.key, trouble.key.output != OutputId::NONE);
    Webhook {
        event: trouble.what.alert().name(),
        message: trouble.sentence(named),
        bucket: Place { id: key.bucket, name: &named.bucket },
        output: has_output.then_some(Place { id: key.output, name: &named.output }),
        group: &named.group,
        log_id: trouble.log(),
        more: More::of(&trouble.what),
        repeated: untold,
        created_at: trouble.at.seconds(),
    }
}

fn slack(trouble: &Trouble, named: &Named, untold: u64) -> String {
    let again = match untold {
        0 => String::new(),
        times => format!(" (and {times} more since the last alert)"),
    };
    let text = format!("{}: {}{again}", trouble.what.alert().name(), trouble.sentence(named));
    // Slack reads these three as markup: "Escaping text" in its documentation of message formatting.
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl More {
    fn of(what: &What) -> Self {
        match *what {
            What::Failed { attempts, .. } => {
                Self { attempts: Some(attempts).filter(|attempts| *attempts > 0), ..Self::default() }
            }
            What::Expired { .. } => Self::default(),
            What::CircuitOpen { failures } | What::Paused { failures } => {
                Self { failures: Some(failures), ..Self::default() }
            }
            What::Lag { waiting, oldest_at, .. } => {
                Self { waiting: Some(waiting), oldest_at: Some(oldest_at.seconds()), ..Self::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests;
