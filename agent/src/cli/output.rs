//! `relay output`

mod policy;
mod preview;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::bucket::{all, changed, said, yes};
use super::failure::Failure;
use super::global::Global;
use super::input::{header, headers};
use super::out::Out;
use super::text;
use crate::rest::{Output, find_bucket, find_output};
use crate::secret::Secret;
use policy::{Filter, Policy};

const EXAMPLES: &str = "\
Examples:
  relay output create app -b orders -d http://localhost:3000/hook
  relay output create crm -b orders -d https://crm.example/in --type public --header Authorization='Bearer x'
  relay output create slow -b orders -d http://10.0.0.5/ --throttle 10/minute --durability medium
  relay output update app --rules only-pushes.yml --order strict";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Make an output
    Create {
        /// Its name
        name: String,
        /// The bucket, by name or id
        #[arg(short, long)]
        bucket: String,
        /// The URL that is called
        #[arg(short, long, value_name = "URL")]
        destination: String,
        /// Who calls it
        #[arg(long = "type", default_value = "internal")]
        kind: Kind,
        #[command(flatten)]
        about: Box<About>,
    },
    /// List outputs
    Ls {
        /// Of this bucket only
        #[arg(short, long)]
        bucket: Option<String>,
    },
    /// Show all of an output
    Inspect {
        /// Its name or id
        output: String,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
    },
    /// Change an output
    Update {
        /// Its name or id
        output: String,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// The URL that is called
        #[arg(short, long, value_name = "URL")]
        destination: Option<String>,
        /// Who calls it
        #[arg(long = "type")]
        kind: Option<Kind>,
        /// Take its rules away: it gets every event again
        #[arg(long, conflicts_with = "rules")]
        no_rules: bool,
        /// Go on with an output that was paused after a long time of failures
        #[arg(long)]
        resume: bool,
        #[command(flatten)]
        about: Box<About>,
    },
    /// Try rules on the last events: which would pass?
    Preview {
        /// The output's name or id
        output: String,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
        /// How many events, the newest
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Other rules than those that the output has
        #[command(flatten)]
        filter: Filter,
    },
    /// Delete outputs
    Rm {
        /// Their names or ids
        #[arg(required = true)]
        outputs: Vec<String>,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
    },
}

/// Who calls a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// An agent
    Internal,
    /// The server
    Public,
}

/// What can be said when an output is made, and changed later.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct About {
    /// Free text
    #[arg(long)]
    description: Option<String>,
    /// A header that replaces the caller's, as NAME=VALUE; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// How long an attempt may take, in seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,
    /// Further attempts: 0 as long as the bucket's window lasts, N at most N, -1 none
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    retries: Option<i32>,
    /// Whether exactly the destination is called, without the caller's extra path and query
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    lock_path: Option<bool>,
    /// Whether the destination's certificate is verified
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    tls_verification: Option<bool>,
    /// Whether it gets nothing for now
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    disabled: Option<bool>,
    /// What `relay replay --resign` signs with, as Standard Webhooks have it: the text itself, @FILE,
    /// or - for standard input; empty for none
    #[arg(long, value_name = "SECRET")]
    resign_secret: Option<Secret>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    policy: Policy,
}

impl Kind {
    pub(super) fn is_internal(self) -> bool {
        match self {
            Self::Internal => true,
            Self::Public => false,
        }
    }
}

impl About {
    fn fields(self) -> Result<Map<String, Value>, Failure> {
        let secret = self.resign_secret.as_ref().map(text::secret).transpose()?;
        let policy = self.policy.fields();
        let mut fields = said([
            ("description", self.description.map(Value::from)),
            ("headers", headers(self.headers)),
            ("timeout", self.timeout.map(Value::from)),
            ("retries", self.retries.map(Value::from)),
            ("lock_path", self.lock_path.map(Value::from)),
            ("tls_verification", self.tls_verification.map(Value::from)),
            ("disabled", self.disabled.map(Value::from)),
            ("resign_secret", secret.map(Value::from)),
        ]);
        fields.extend(policy);
        Ok(fields)
    }
}

pub(super) async fn run(global: &Global, command: Command, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    let buckets = all(&rest).await?;
    match command {
        Command::Create { name, bucket, destination, kind, about } => {
            let bucket = &find_bucket(&buckets, &bucket)?.id;
            let rules = about.filter.tree()?;
            let mut fields = about.fields()?;
            fields.extend(rules.map(|rules| ("rules".to_owned(), rules)));
            fields.insert("name".into(), name.into());
            fields.insert("destination".into(), destination.into());
            fields.insert("internal".into(), kind.is_internal().into());
            let output: Output = rest.post(&format!("/v1/buckets/{bucket}/outputs"), &Value::Object(fields)).await?;
            out.thing(&output, &output.name)?;
        }
        Command::Ls { bucket } => {
            let wanted = bucket.map(|bucket| find_bucket(&buckets, &bucket)).transpose()?;
            let within = buckets.iter().filter(|bucket| wanted.is_none_or(|wanted| wanted.id == bucket.id));
            let outputs: Vec<_> =
                within.flat_map(|bucket| bucket.outputs.iter().map(move |o| (&bucket.name, o))).collect();
            if out.is_json() {
                out.json(&outputs.iter().map(|(_, output)| output).collect::<Vec<_>>())?;
            } else {
                out.list(&outputs, ["ID", "NAME", "BUCKET", "TYPE", "DESTINATION", "DISABLED"], |(bucket, output)| {
                    let Output { id, name, destination, internal, disabled, .. } = output;
                    let kind = if *internal { "internal" } else { "public" }.to_owned();
                    [id.clone(), name.clone(), (*bucket).clone(), kind, destination.clone(), yes(*disabled)]
                })?;
            }
        }
        Command::Inspect { output, bucket } => out.json(find_output(&buckets, bucket.as_deref(), &output)?.part)?,
        Command::Update { output, bucket, name, destination, kind, no_rules, resume, about } => {
            let found = find_output(&buckets, bucket.as_deref(), &output)?;
            let rules = about.filter.tree()?;
            let mut fields = about.fields()?;
            fields.extend(said([
                ("name", name.map(Value::from)),
                ("destination", destination.map(Value::from)),
                ("internal", kind.map(|kind| kind.is_internal().into())),
                ("paused", resume.then_some(Value::Null)),
            ]));
            let path = format!("/v1/buckets/{}/outputs/{}", found.bucket.id, found.part.id);
            let mut output = found.part.clone();
            if !fields.is_empty() || (rules.is_none() && !no_rules) {
                output = rest.put(&path, &changed(fields)?).await?;
            }
            // Rules have a route of their own: they are replaced whole, or taken away.
            if let Some(rules) = rules {
                output = rest.put(&format!("{path}/rules"), &rules).await?;
            } else if no_rules {
                rest.delete(&format!("{path}/rules")).await?;
            }
            out.thing(&output, &output.name)?;
        }
        Command::Preview { output, bucket, limit, filter } => {
            let found = find_output(&buckets, bucket.as_deref(), &output)?;
            let path = format!("/v1/buckets/{}/outputs/{}/rules/preview?limit={limit}", found.bucket.id, found.part.id);
            let rules = filter.tree()?.or_else(|| found.part.rest.get("rules").cloned()).unwrap_or_else(|| json!({}));
            preview::show(&rest.post(&path, &rules).await?, out)?;
        }
        Command::Rm { outputs, bucket } => {
            for output in outputs {
                let found = find_output(&buckets, bucket.as_deref(), &output)?;
                rest.delete(&format!("/v1/buckets/{}/outputs/{}", found.bucket.id, found.part.id)).await?;
                out.thing(&json!({ "id": found.part.id, "status": "deleted" }), &found.part.name)?;
            }
        }
    }
    Ok(())
}
