//! `relay bucket`

use serde_json::{Map, Value, json};

use super::account::Account;
use super::failure::Failure;
use super::global::Global;
use super::out::Out;
use crate::rest::{Bucket, Client, find_bucket};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a bucket, with an input
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        about: About,
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
        about: About,
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
    /// How long unsent events are kept for an agent that is away, in seconds
    #[arg(long, value_name = "SECONDS")]
    window: Option<u32>,
    /// Whether agents get its events
    #[arg(long, value_name = "BOOL")]
    stream: Option<bool>,
}

impl About {
    fn fields(self) -> Map<String, Value> {
        said([
            ("description", self.description.map(Value::from)),
            ("window_seconds", self.window.map(Value::from)),
            ("stream", self.stream.map(Value::from)),
        ])
    }
}

pub(super) async fn run(global: &Global, command: Command, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    match command {
        Command::Create { name, about, ephemeral } => {
            let mut fields = about.fields();
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
            let mut fields = about.fields();
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
