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
    let (url, key, secret) = match &args.admin_file {
        Some(path) => {
            let Stored { url, key, secret, .. } = Stored::read(path)?;
            (url, key, secret)
        }
        None => {
            let missing = || Failure::Usage("say --key and --secret, or --admin-file".to_owned());
            let (key, secret) = args.keys.pair().ok_or_else(missing)?;
            (URL_DEFAULT.to_owned(), key, secret)
        }
    };
    let url = global.address().map_or(url, str::to_owned);
    let server = global.server(&url, None)?;
    let buckets: Vec<Bucket> = Client::new(server, Some(authorization(&key, &secret))).get("/v1/buckets").await?;
    let path = stored::path().ok_or_else(|| anyhow::anyhow!("there is no folder for the configuration: set HOME"))?;
    // Later commands may run in another folder.
    let ca_file = global.ca_file.as_ref().map(std::path::absolute).transpose()?;
    let stored = Stored { url, key, secret, ca_file };
    stored.write(&path)?;
    let done = json!({ "url": stored.url, "key": stored.key, "buckets": buckets.len(), "stored": path });
    out.thing(&done, format_args!("Logged in to {} as {}.\nStored in {}.", stored.url, stored.key, path.display()))?;
    Ok(())
}
