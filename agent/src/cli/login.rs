//! `relay login`

use std::path::PathBuf;

use serde_json::json;

use super::account::{Keys, authorization};
use super::failure::Failure;
use super::global::{Global, URL_DEFAULT};
use super::out::Out;
use super::stored::{self, Stored};
use crate::rest::{Bucket, Client};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    keys: Keys,
    /// Take server and credentials from a server's admin.json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "secret"])]
    admin_file: Option<PathBuf>,
}

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let Stored { mut url, key, secret, mut ca_file } = match &args.admin_file {
        Some(path) => Stored::read(path)?,
        None => {
            let missing = || Failure::Usage("say --key and --secret, or --admin-file".to_owned());
            let (key, secret) = args.keys.pair()?.ok_or_else(missing)?;
            // What cannot be read is about to be replaced.
            match Stored::find().ok().flatten() {
                Some(earlier) => Stored { key, secret, ..earlier },
                None => Stored { url: URL_DEFAULT.to_owned(), key, secret, ca_file: None },
            }
        }
    };
    if let Some(said) = global.address() {
        (url, ca_file) = (said.to_owned(), None);
    }
    let server = global.server(&url, ca_file.as_ref())?;
    let buckets: Vec<Bucket> = Client::new(server, Some(authorization(&key, &secret))).get("/v1/buckets").await?;
    let path = stored::path().ok_or_else(|| anyhow::anyhow!("there is no folder for the configuration: set HOME"))?;
    // Later commands may run in another folder.
    let ca_file = global.ca_file.as_ref().map(std::path::absolute).transpose()?.or(ca_file);
    let stored = Stored { url, key, secret, ca_file };
    stored.write(&path)?;
    let done = json!({ "url": stored.url, "key": stored.key, "buckets": buckets.len(), "stored": path });
    out.thing(&done, format_args!("Logged in to {} as {}.\nStored in {}.", stored.url, stored.key, path.display()))?;
    Ok(())
}
