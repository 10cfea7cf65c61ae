//! `relay bucket`

use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::failure::Failure;
use super::global::Global;
use super::moment::duration;
use super::out::Out;
use super::text;
use crate::rest::{Bucket, Client, find_bucket};
use crate::secret::Secret;

const EXAMPLES: &str = "\
Examples:
  relay bucket create orders
  relay bucket create payments --ephemeral --window 1h --auth token --token @token.txt
  relay bucket update orders --auth none
  relay bucket rm -f orders";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Make a bucket, with an input
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        about: Box<About>,
        /// Keep its events in memory only, never on disk
        #[arg(long)]
        ephemeral: bool,
    },
    /// List buckets
    Ls,
    /// Show all of a bucket
    Inspect {
        /// Its name or id
        bucket: String,
    },
    /// Change a bucket
    Update {
        /// Its name or id
        bucket: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        about: Box<About>,
    },
    /// Delete buckets, and with them the keys to their events
    Rm {
        /// Their names or ids
        #[arg(required = true)]
        buckets: Vec<String>,
        /// Also those with inputs or outputs
        #[arg(short, long)]
        force: bool,
    },
}

/// What can be said when a bucket is made, and changed later.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct About {
    /// Free text
    #[arg(long)]
    description: Option<String>,
    /// How long unsent events are kept for an agent that is away
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    window: Option<Duration>,
    /// How long events and what became of them are kept; 0 for as long as the server keeps any
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    retention: Option<Duration>,
    /// How often a canary goes through it, to every output and back; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    canary: Option<Duration>,
    /// Whether agents get its events
    #[arg(long, value_name = "BOOL")]
    stream: Option<bool>,
    /// Whether bodies up to the server's largest are taken
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    large_webhooks: Option<bool>,
    #[command(flatten)]
    auth: Auth,
}

/// How callers must authenticate.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Authentication of callers")]
struct Auth {
    /// How callers of its inputs must authenticate
    #[arg(long, value_name = "TYPE")]
    auth: Option<AuthType>,
    /// The user name, for basic
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The password, for basic: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "SECRET")]
    password: Option<Secret>,
    /// The bearer token, for token: the text itself, @FILE, or - for standard input
    #[arg(long, value_name = "SECRET")]
    token: Option<Secret>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AuthType {
    /// Not at all
    None,
    /// With user name and password
    Basic,
    /// With a bearer token
    Token,
}

impl About {
    fn fields(self) -> Result<Map<String, Value>, Failure> {
        let seconds = |time: Duration| Value::from(time.as_secs());
        Ok(said([
            ("description", self.description.map(Value::from)),
            ("window_seconds", self.window.map(seconds)),
            ("retention_seconds", self.retention.map(seconds)),
            ("canary_seconds", self.canary.map(seconds)),
            ("stream", self.stream.map(Value::from)),
            ("large_webhooks", self.large_webhooks.map(Value::from)),
            ("auth", self.auth.value()?),
        ]))
    }
}

impl Auth {
    fn value(&self) -> Result<Option<Value>, Failure> {
        let secret = |name: &str, said: &Option<Secret>| match said {
            Some(said) => text::secret(said),
            None => Err(Failure::Usage(format!("--{name} is missing"))),
        };
        let kind = match (self.auth, &self.username, &self.password, &self.token) {
            (Some(kind), ..) => kind,
            (None, None, None, None) => return Ok(None),
            (None, _, _, Some(_)) => AuthType::Token,
            (None, ..) => AuthType::Basic,
        };
        Ok(Some(match kind {
            AuthType::None => json!({ "type": "none" }),
            AuthType::Basic => {
                let missing = || Failure::Usage("--username is missing".to_owned());
                let username = self.username.as_ref().ok_or_else(missing)?;
                json!({ "type": "basic", "username": username, "password": secret("password", &self.password)? })
            }
            AuthType::Token => json!({ "type": "token", "token": secret("token", &self.token)? }),
        }))
    }
}

pub(super) async fn run(global: &Global, command: Command, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    match command {
        Command::Create { name, about, ephemeral } => {
            let mut fields = about.fields()?;
            fields.insert("name".into(), name.into());
            fields.insert("ephemeral".into(), ephemeral.into());
            let bucket: Bucket = rest.post("/v1/buckets", &Value::Object(fields)).await?;
            let urls: Vec<_> = bucket.inputs.iter().map(|input| super::input::url(&rest, input)).collect();
            out.thing(&bucket, format_args!("{}\n{}", bucket.name, urls.join("\n")))?;
        }
        Command::Ls => {
            let buckets = all(&rest).await?;
            out.list(&buckets, ["ID", "NAME", "INPUTS", "OUTPUTS", "EPHEMERAL", "DESCRIPTION"], |bucket| {
                let Bucket { id, name, description, inputs, outputs, ephemeral, .. } = bucket;
                let count = |n: usize| n.to_string();
                [
                    id.clone(),
                    name.clone(),
                    count(inputs.len()),
                    count(outputs.len()),
                    yes(*ephemeral),
                    description.clone(),
                ]
            })?;
        }
        Command::Inspect { bucket } => out.json(find_bucket(&all(&rest).await?, &bucket)?)?,
        Command::Update { bucket, name, about } => {
            let buckets = all(&rest).await?;
            let path = format!("/v1/buckets/{}", find_bucket(&buckets, &bucket)?.id);
            let mut fields = about.fields()?;
            fields.extend(said([("name", name.map(Value::from))]));
            let bucket: Bucket = rest.put(&path, &changed(fields)?).await?;
            out.thing(&bucket, &bucket.name)?;
        }
        Command::Rm { buckets: wanted, force } => {
            let buckets = all(&rest).await?;
            for wanted in wanted {
                let Bucket { id, name, .. } = find_bucket(&buckets, &wanted)?;
                let query = if force { "?force=true" } else { "" };
                rest.delete(&format!("/v1/buckets/{id}{query}")).await?;
                out.thing(&json!({ "id": id, "status": "deleted" }), name)?;
            }
        }
    }
    Ok(())
}

/// All buckets of the account, with their inputs and outputs.
pub(super) async fn all(rest: &Client) -> Result<Vec<Bucket>, Failure> {
    let buckets: Option<Vec<Bucket>> = rest.get("/v1/buckets").await?;
    Ok(buckets.unwrap_or_default())
}

/// The fields that were said.
pub(super) fn said<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The body of a change.
///
/// # Errors
/// When nothing is to change.
pub(super) fn changed(fields: Map<String, Value>) -> Result<Value, Failure> {
    match fields.is_empty() {
        true => Err(Failure::Usage("nothing to change was said".to_owned())),
        false => Ok(Value::Object(fields)),
    }
}

/// A flag in a table.
pub(super) fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        about: About,
    }

    fn fields(line: &str) -> Result<Value, Failure> {
        let line = Line::try_parse_from(std::iter::once("bucket").chain(line.split_whitespace())).unwrap();
        line.about.fields().map(Value::Object)
    }

    #[test]
    fn flags_become_the_fields_of_the_api() {
        for (line, expected) in [
            ("", json!({})),
            ("--window 60 --retention 2d", json!({"window_seconds": 60, "retention_seconds": 172_800})),
            ("--canary 1m", json!({"canary_seconds": 60})),
            ("--stream false --large-webhooks", json!({"stream": false, "large_webhooks": true})),
            ("--auth none", json!({"auth": {"type": "none"}})),
            (
                "--auth basic --username u --password p",
                json!({"auth": {"type": "basic", "username": "u", "password": "p"}}),
            ),
            ("--token t", json!({"auth": {"type": "token", "token": "t"}})),
        ] {
            assert_eq!(fields(line).unwrap(), expected, "{line}");
        }
        for line in ["--auth basic --username u", "--auth token", "--password p", "--token @/nowhere"] {
            assert_eq!(fields(line).unwrap_err().code(), 2, "{line}");
        }
    }
}
