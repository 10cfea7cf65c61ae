//! `relay replay`: brings events again, one or many.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use telemetry::stop;

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::filter::Filter;
use super::global::Global;
use super::logs::whole;
use super::out::{Out, plain};
use super::text::segment;
use crate::rest::{Client, find_output};

/// How often the progress of a replay is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  relay replay 0f3c…                                    one delivery again
  relay replay 0f3c… --to staging                       to another output
  relay replay -b orders --status failed --from 1h --dry-run
  relay replay -b orders --status failed --from 1h      Ctrl-C cancels";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// One delivery, by its id
    #[arg(required_unless_present = "bucket")]
    log: Option<String>,
    /// Those of a bucket that the filter names
    #[arg(short, long, conflicts_with = "log")]
    bucket: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// Also all of a bucket's, without a filter
    #[arg(long, conflicts_with = "log")]
    all: bool,
    /// To another output, by name or id
    #[arg(long, value_name = "OUTPUT")]
    to: Option<String>,
    /// Run functions again
    #[arg(long)]
    force: bool,
    /// Sign them anew, in the form of Standard Webhooks
    #[arg(long)]
    resign: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// A replay as the server tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Replay {
    id: String,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    matched: u64,
    #[serde(default)]
    done: u64,
    #[serde(default)]
    failed: u64,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    #[default]
    Running,
    Done,
    Cancelled,
    Failed,
    DryRun,
}

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    match (&args.log, &args.bucket) {
        (Some(log), _) if args.filter.is_empty() => one(&rest, log, &args, out).await,
        (Some(_), _) => Err(Failure::Usage("a filter goes with --bucket, not with one delivery".to_owned())),
        (None, Some(bucket)) => many(&rest, bucket, &args, out).await,
        (None, None) => Err(Failure::Usage("say which delivery, or --bucket".to_owned())),
    }
}

async fn one(rest: &Client, id: &str, args: &Args, out: &mut Out) -> Result<(), Failure> {
    let log = whole(rest, id).await?;
    let buckets = all(rest).await?;
    let to = match &args.to {
        Some(wanted) => Some(find_output(&buckets, Some(&log.bucket_id), wanted)?.part),
        None => None,
    };
    let mut action = action(args);
    action.insert("action".into(), "resend".into());
    action.extend(to.map(|output| ("output".to_owned(), output.id.as_str().into())));
    let where_to = to.map_or_else(|| "the same output".to_owned(), |output| format!("'{}'", output.name));
    if args.dry_run {
        let done = json!({ "id": log.id, "dry_run": true });
        return Ok(out.thing(&done, format_args!("{} would be sent again to {}", plain(&log.id), plain(&where_to)))?);
    }
    let path = format!("/v1/logs/{}/action", segment(&log.id));
    let answer: Value = rest.post(&path, &Value::Object(action)).await?;
    Ok(out.thing(&answer, format_args!("{} is sent again to {}", plain(&log.id), plain(&where_to)))?)
}

async fn many(rest: &Client, bucket: &str, args: &Args, out: &mut Out) -> Result<(), Failure> {
    if args.filter.is_empty() && !args.all {
        let text = "nothing narrows the bucket down: say a filter such as --status failed --from 1h, or --all";
        return Err(Failure::Usage(text.to_owned()));
    }
    let buckets = all(rest).await?;
    let mut body = args.filter.find(&buckets, bucket, Timestamp::now())?.json();
    let to = args.to.as_ref().map(|wanted| find_output(&buckets, Some(bucket), wanted)).transpose()?;
    body.extend(action(args));
    body.extend(to.map(|found| ("output".to_owned(), found.part.id.as_str().into())));
    body.insert("dry_run".into(), args.dry_run.into());
    let replay: Replay = rest.post("/v1/replays", &Value::Object(body)).await?;
    if args.dry_run {
        return Ok(out.thing(&replay, format_args!("{} deliveries would be sent again", replay.matched))?);
    }
    let replay = follow(rest, replay).await?;
    let Replay { matched, done, failed, status, .. } = &replay;
    let how = match status {
        Status::Running | Status::Done | Status::DryRun => "done",
        Status::Cancelled => "cancelled",
        Status::Failed => "failed",
    };
    out.thing(&replay, format_args!("{how}: {done} of {matched} were sent again, {failed} failed"))?;
    match status {
        Status::Done if *failed == 0 => Ok(()),
        Status::Running | Status::Done | Status::Cancelled | Status::Failed | Status::DryRun => {
            Err(anyhow::anyhow!("replay {}: {how}, {done} of {matched} sent, {failed} failed", replay.id).into())
        }
    }
}

/// What is said of one and of many.
fn action(args: &Args) -> Map<String, Value> {
    let mut action = Map::new();
    let policy = if args.force { "force" } else { "skip" };
    action.insert("process_policy".into(), policy.into());
    if args.resign {
        action.insert("resign".into(), true.into());
    }
    action
}

/// Watches a replay until it is over; Ctrl-C cancels it.
async fn follow(rest: &Client, mut replay: Replay) -> Result<Replay, Failure> {
    let path = format!("/v1/replays/{}", segment(&replay.id));
    let mut cancelled = false;
    let asked = stop::requested();
    tokio::pin!(asked);
    loop {
        progress(&replay);
        match replay.status {
            Status::Running => {}
            Status::Done | Status::Cancelled | Status::Failed | Status::DryRun => break,
        }
        tokio::select! {
            // The person has had enough; what was sent was sent.
            asked = &mut asked, if !cancelled => {
                asked?;
                cancelled = true;
                rest.delete(&path).await?;
            }
            // It is time to look again.
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        replay = rest.get(&path).await?;
    }
    end_progress();
    Ok(replay)
}

/// A line that is written over, where somebody watches.
fn progress(Replay { matched, done, failed, .. }: &Replay) {
    if io::stderr().is_terminal() {
        // When it cannot be shown, the replay goes on all the same.
        let _ = write!(io::stderr(), "\r\x1b[K{} of {matched}, {failed} failed", done + failed);
    }
}

fn end_progress() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}
