//! `relay input`

mod flags;

use serde_json::{Map, Value, json};

use super::account::Account;
use super::bucket::{all, changed, said};
use super::failure::Failure;
use super::global::Global;
use super::out::Out;
use crate::rest::{Client, Input, find_bucket, find_input};
use flags::About;

const EXAMPLES: &str = "\
Examples:
  relay input create -b orders shop --status-code 202 --response-body accepted
  relay input create -b orders github --provider github --secret @github-secret.txt
  relay input update github --secret @new.txt --secret @old.txt
  relay input update shop --response-from-output any";

#[derive(Debug, clap::Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Make an input
    Create {
        /// Its name
        name: String,
        /// The bucket, by name or id
        #[arg(short, long)]
        bucket: String,
        #[command(flatten)]
        about: Box<About>,
    },
    /// List inputs
    Ls {
        /// Of this bucket only
        #[arg(short, long)]
        bucket: Option<String>,
    },
    /// Show all of an input
    Inspect {
        /// Its name or id
        input: String,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
    },
    /// Change an input
    Update {
        /// Its name or id
        input: String,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        about: Box<About>,
    },
    /// Delete inputs
    Rm {
        /// Their names or ids
        #[arg(required = true)]
        inputs: Vec<String>,
        /// The bucket, where names are not enough
        #[arg(short, long)]
        bucket: Option<String>,
    },
}

pub(super) async fn run(global: &Global, command: Command, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    let buckets = all(&rest).await?;
    match command {
        Command::Create { name, bucket, about } => {
            let bucket = find_bucket(&buckets, &bucket)?;
            let mut fields = about.fields(bucket, &Map::new())?;
            fields.insert("name".into(), name.into());
            let input: Input = rest.post(&format!("/v1/buckets/{}/inputs", bucket.id), &Value::Object(fields)).await?;
            out.thing(&input, url(&rest, &input))?;
        }
        Command::Ls { bucket } => {
            let wanted = bucket.map(|bucket| find_bucket(&buckets, &bucket)).transpose()?;
            let within = buckets.iter().filter(|bucket| wanted.is_none_or(|wanted| wanted.id == bucket.id));
            let inputs: Vec<_> =
                within.flat_map(|bucket| bucket.inputs.iter().map(move |i| (&bucket.name, i))).collect();
            if out.is_json() {
                out.json(&inputs.iter().map(|(_, input)| input).collect::<Vec<_>>())?;
            } else {
                out.list(&inputs, ["ID", "NAME", "BUCKET", "URL"], |(bucket, input)| {
                    [input.id.clone(), input.name.clone(), (*bucket).clone(), url(&rest, input)]
                })?;
            }
        }
        Command::Inspect { input, bucket } => out.json(find_input(&buckets, bucket.as_deref(), &input)?.part)?,
        Command::Update { input, bucket, name, about } => {
            let found = find_input(&buckets, bucket.as_deref(), &input)?;
            let mut fields = about.fields(found.bucket, &found.part.rest)?;
            fields.extend(said([("name", name.map(Value::from))]));
            let path = format!("/v1/buckets/{}/inputs/{}", found.bucket.id, found.part.id);
            let input: Input = rest.put(&path, &changed(fields)?).await?;
            out.thing(&input, &input.name)?;
        }
        Command::Rm { inputs, bucket } => {
            for input in inputs {
                let found = find_input(&buckets, bucket.as_deref(), &input)?;
                rest.delete(&format!("/v1/buckets/{}/inputs/{}", found.bucket.id, found.part.id)).await?;
                out.thing(&json!({ "id": found.part.id, "status": "deleted" }), &found.part.name)?;
            }
        }
    }
    Ok(())
}

/// Where callers send webhooks: as the server says, or else below the server's address.
pub(super) fn url(rest: &Client, input: &Input) -> String {
    match input.url.is_empty() {
        true => rest.server().url(&format!("/v1/webhooks/{}", input.id)),
        false => input.url.clone(),
    }
}

/// Reads `NAME=VALUE`.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        Some(_) | None => Err("a header is NAME=VALUE".to_owned()),
    }
}

/// Headers as the API takes them: each name with the list of its values.
pub(super) fn headers(lines: Vec<(String, String)>) -> Option<Value> {
    let mut headers = Map::new();
    for (name, value) in lines {
        if let Some(values) = headers.entry(name).or_insert_with(|| json!([])).as_array_mut() {
            values.push(value.into());
        }
    }
    (!headers.is_empty()).then_some(Value::Object(headers))
}
