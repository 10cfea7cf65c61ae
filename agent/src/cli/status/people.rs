//! Who is connected, and how groups stand: by this a subscription that died shows.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cli::failure::Failure;
use crate::cli::logs::Names;
use crate::cli::moment::{ago, timestamp};
use crate::cli::out::{Out, plain};
use crate::rest::{Bucket, Client, Output, or_null};

/// What the server knows of agents and groups.
#[derive(Debug, Default, Serialize)]
pub(super) struct People {
    clients: Vec<Connected>,
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Clients {
    #[serde(default, deserialize_with = "or_null")]
    webhook_clients: Vec<Connected>,
}

/// An open session.
#[derive(Debug, Serialize, Deserialize)]
struct Connected {
    #[serde(default)]
    access_token_key: String,
    #[serde(default, deserialize_with = "or_null")]
    buckets: Vec<String>,
    #[serde(default)]
    client_ip: String,
    #[serde(default)]
    client_type: String,
    #[serde(default)]
    client_version: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    subscribed_at: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A group on an output. What the server does not know yet, a moment after a group was made or lost
/// its last session, is missing.
#[derive(Debug, Serialize, Deserialize)]
struct Group {
    #[serde(default)]
    name: String,
    #[serde(default)]
    bucket_id: String,
    #[serde(default)]
    output_id: String,
    sessions: Option<u64>,
    waiting: Option<u64>,
    #[serde(default)]
    oldest_at: Value,
    #[serde(default)]
    last_sent_at: Value,
    failures: Option<u64>,
    circuit_open: Option<bool>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl People {
    /// Asks the server.
    ///
    /// # Errors
    /// When it does not say.
    pub(super) async fn ask(rest: &Client) -> Result<Self, Failure> {
        let Clients { webhook_clients: clients } = rest.get("/v1/connected-clients").await?;
        let groups: Option<Vec<Group>> = rest.get("/v1/groups").await?;
        Ok(Self { clients, groups: groups.unwrap_or_default() })
    }

    /// Shows them as tables.
    ///
    /// # Errors
    /// Those of standard output.
    pub(super) fn show(&self, buckets: &[Bucket], now: Timestamp, out: &mut Out) -> Result<(), Failure> {
        let since = |time: &Value| timestamp(time).map_or_else(|| "-".to_owned(), |time| ago(time, now));
        out.line("\nConnected agents and clients:")?;
        if self.clients.is_empty() {
            out.line("none")?;
        } else {
            out.list(&self.clients, ["CLIENT", "VERSION", "ADDRESS", "GROUP", "BUCKETS", "SINCE"], |client| {
                [
                    client.client_type.clone(),
                    client.client_version.clone(),
                    client.client_ip.clone(),
                    group_name(&client.group, &client.access_token_key),
                    client.buckets.join(","),
                    since(&client.subscribed_at),
                ]
            })?;
        }
        if self.groups.is_empty() {
            return Ok(());
        }
        let names = Names::of(buckets);
        let outputs: HashMap<_, _> =
            buckets.iter().flat_map(|bucket| &bucket.outputs).map(|output| (&*output.id, output)).collect();
        let bucket =
            |id: &str| buckets.iter().find(|bucket| bucket.id == id).map_or(id, |bucket| &*bucket.name).to_owned();
        out.line("\nGroups:")?;
        let head = ["GROUP", "BUCKET", "OUTPUT", "WAITING", "OLDEST", "LAST SENT", "STATE"];
        out.list(&self.groups, head, |group| {
            [
                group.name.clone(),
                bucket(&group.bucket_id),
                plain(names.output(&group.output_id)),
                group.waiting.map_or_else(|| "-".to_owned(), |waiting| waiting.to_string()),
                since(&group.oldest_at),
                since(&group.last_sent_at),
                group.state(outputs.get(&*group.output_id).copied()),
            ]
        })?;
        Ok(())
    }
}

impl Group {
    fn state(&self, output: Option<&Output>) -> String {
        // Nothing is tried, so that nothing else is wrong.
        match output {
            Some(output) if output.disabled => return "output disabled".to_owned(),
            Some(output) if output.rest.get("paused").is_some_and(Value::is_object) => {
                return "output paused".to_owned();
            }
            Some(_) | None => {}
        }
        match (self.sessions, self.circuit_open, self.failures) {
            (None | Some(0), ..) => "nobody connected".to_owned(),
            (Some(_), Some(true), _) => "circuit open".to_owned(),
            (Some(_), _, Some(failures @ 1..)) => format!("{failures} failures in a row"),
            (Some(_), _, _) => "ok".to_owned(),
        }
    }
}

/// The group of a token has no name; the token stands for it.
fn group_name(group: &str, token: &str) -> String {
    if group.is_empty() { format!("token {token}") } else { group.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_says_what_is_wrong_with_it() {
        let state = |group: Value| serde_json::from_value::<Group>(group).unwrap().state(None);
        assert_eq!(state(json!({"sessions": null})), "nobody connected");
        assert_eq!(state(json!({"sessions": 0, "waiting": 7, "circuit_open": false})), "nobody connected");
        assert_eq!(state(json!({"sessions": 1, "failures": 0, "circuit_open": false})), "ok");
        assert_eq!(state(json!({"sessions": 1, "failures": 9, "circuit_open": false})), "9 failures in a row");
        assert_eq!(state(json!({"sessions": 2, "failures": 9, "circuit_open": true})), "circuit open");
    }

    #[test]
    fn a_group_of_an_output_that_gets_nothing_says_so() {
        let group: Group = serde_json::from_value(json!({"sessions": 1, "failures": 9})).unwrap();
        let state = |output: Value| group.state(Some(&serde_json::from_value(output).unwrap()));
        assert_eq!(state(json!({"id": "o", "disabled": true})), "output disabled");
        assert_eq!(state(json!({"id": "o", "paused": {"since": 1, "failures": 9}})), "output paused");
        assert_eq!(state(json!({"id": "o", "paused": null})), "9 failures in a row");
    }
}
