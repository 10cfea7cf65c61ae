//! `relay run`: the agent of a machine, from a file or from the environment.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use super::account::{Account, Keys};
use super::failure::Failure;
use super::file::File;
use super::global::Global;
use super::work::Work;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The file, usually relay.yml
    #[arg(short, long, env = "RELAY_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A bucket to serve, by name or id; may be repeated [default: those of the file, or all]
    #[arg(
        short,
        long = "bucket",
        env = "BUCKETS",
        value_name = "BUCKET",
        value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new()
    )]
    buckets: Vec<String>,
    /// What the agent does; this one forwards, and its server can never make it do anything else
    #[arg(long, value_name = "MODE", default_value = "forward")]
    mode: Mode,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    work: Work,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Mode {
    /// Bring webhooks to destinations
    Forward,
}

const EXAMPLES: &str = "\
Examples:
  relay run -c relay.yml
  BUCKETS=orders,deploys RELAY_KEY=… RELAY_SECRET=… relay run
  relay run -b orders --allow localhost:3000 --health-addr 127.0.0.1:9000";

/// What arguments and environment say goes before what the file says, and that before what
/// `relay login` has stored.
pub(super) async fn run(global: &Global, args: Args) -> Result<(), Failure> {
    let Args { config, buckets, mode: Mode::Forward, keys, mut work } = args;
    let file = match config.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => File::read(&path)?,
        None => File::default(),
    };
    let mut global = global.clone();
    global.url = global.address().map(str::to_owned).or(file.url);
    global.ca_file = global.ca_file.or(file.ca_file);
    // Variables of these names may be there for something else.
    let of_container = || Keys::of_container().pair().ok().flatten();
    let keys = match keys.pair()?.or_else(of_container) {
        Some((key, secret)) => Keys { key: Some(key), secret: Some(secret) },
        None => Keys { key: file.key, secret: file.secret },
    };
    work.group = work.group.filter(|group| !group.is_empty()).or(file.group);
    if work.allow.is_empty() {
        work.allow = file.allow;
    }
    let exec = work.relayer.exec(file.relayer)?;
    let said: Vec<_> = buckets.iter().map(|bucket| bucket.trim().to_owned()).filter(|b| !b.is_empty()).collect();
    let buckets = if said.is_empty() { file.buckets } else { said };
    let account = Account::find(&global, keys)?;
    tracing::info!(server = account.address, "relay agent starting");
    Box::pin(work.run(&global, &account, buckets, exec)).await
}
