//! `relay events`: takes a bucket's events by polling, each once, for workers that hold no session.

use std::time::Duration;

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::global::Global;
use super::logs::Names;
use super::moment::{duration, shown};
use super::out::{Out, plain};
use super::text::Query;
use crate::rest::{EventPage, Log, find_bucket, find_output};

/// How often a queue that was empty is looked at again.
const POLL_EVERY: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Each event is handed out once and counts as sent then, whoever asks.

Examples:
  relay events -b orders --json
  relay events -b orders --follow --body";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The bucket, by name or id
    #[arg(short, long)]
    bucket: String,
    /// Of this output only, by name or id
    #[arg(long)]
    output: Option<String>,
    /// How many at most; 0 for all that are there
    #[arg(short = 'n', long, value_name = "N", default_value_t = 0)]
    limit: usize,
    /// Leave out what is older [default: the server's]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_age: Option<Duration>,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Print the bodies too
    #[arg(long)]
    body: bool,
}

/// The most that the server hands out at once.
const PAGE: usize = 100;

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    let buckets = all(&rest).await?;
    let names = Names::of(&buckets);
    let mut query = Query::default();
    query.add("bucket", &find_bucket(&buckets, &args.bucket)?.id);
    let output = args.output.as_ref().map(|wanted| find_output(&buckets, Some(&args.bucket), wanted)).transpose()?;
    query.add_if("output", output.map(|found| &found.part.id));
    query.add_if("max_age", args.max_age.map(|age| format!("{}s", age.as_secs())));
    let query = query.finish();
    let mut left = if args.limit == 0 { usize::MAX } else { args.limit };
    while left > 0 {
        // What is handed out counts as sent: no more is asked for than is shown.
        let taken = rest.get(&format!("/v1/events?{query}&limit={}", PAGE.min(left))).await;
        let page: EventPage = match taken {
            Ok(page) => page,
            // A server that is started again is no end.
            Err(err) if args.follow && !err.is_final() => {
                tracing::warn!(error = &err as &dyn std::error::Error, "no events can be taken, trying again");
                tokio::time::sleep(POLL_EVERY).await;
                continue;
            }
            Err(err) => return Err(err.into()),
        };
        left = left.saturating_sub(page.logs.len());
        for log in &page.logs {
            show(log, &names, args.body, out)?;
        }
        if page.has_more && !page.logs.is_empty() {
            continue;
        }
        if !args.follow {
            break;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    Ok(())
}

fn show(log: &Log, names: &Names, with_body: bool, out: &mut Out) -> Result<(), Failure> {
    if out.is_json() {
        return Ok(out.line(serde_json::to_string(log).map_err(anyhow::Error::from)?)?);
    }
    let output = plain(names.output(&log.output_id));
    let (time, method, target) = (shown(&log.created_at), plain(&log.method), plain(&log.target()));
    out.line(format_args!("{time}  {method:6} {target}  -> {output}  {} bytes  {}", log.body.len(), plain(&log.id)))?;
    if with_body && !log.body.is_empty() {
        out.line(super::out::lines(&log.body))?;
    }
    Ok(())
}
