//! `relay wait-for`: holds a script until a certain event has come.

pub(super) mod condition;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::global::Global;
use super::logs::{code, list, read, whole};
use super::moment::{Moment, duration, timestamp};
use super::out::{Out, plain};
use super::text::Query;
use crate::rest::{Client, Log, Tail, find_bucket};
use condition::Condition;

const EXPLAINED: &str = "\
A condition is a name, = (is), != (is not) or ~ (matches a regular expression), and a text. Names:
  method, path, query, body, status, status_code, output, input
  header.NAME          a header of the event
  json.a.b.0           a place in a JSON body

All conditions must hold. The exit code is 0 when such an event has come since the start (or
--since), and 1 when none came in time.

Examples:
  relay wait-for -b orders --match method=POST --match json.action=opened --timeout 2m
  relay wait-for -b orders --match 'path~^/github' status=sent --since 5m --json";

#[derive(Debug, clap::Args)]
#[command(after_help = EXPLAINED)]
pub(super) struct Args {
    /// The bucket, by name or id
    #[arg(short, long)]
    bucket: String,
    /// What must hold; may be repeated [default: any event]
    #[arg(short, long = "match", value_name = "CONDITION", num_args = 1..)]
    conditions: Vec<Condition>,
    /// How long to wait
    #[arg(short, long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Count what has come since then too: a time, or so long ago
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Option<Moment>,
}

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let deadline = Instant::now() + args.timeout;
    let rest = Account::known(global)?.rest();
    match timeout_at(deadline, first(&rest, &args)).await {
        Ok(found) => {
            let log = found?;
            let line = format!("{}  {} {}  {} ({})", log.id, log.method, log.target(), log.status, code(&log));
            Ok(out.thing(&log, plain(&line))?)
        }
        Err(_) => Err(anyhow::anyhow!("no such event came within {} s", args.timeout.as_secs_f64()).into()),
    }
}

/// The first delivery for which all conditions hold.
async fn first(rest: &Client, args: &Args) -> Result<Log, Failure> {
    let buckets = all(rest).await?;
    let bucket = find_bucket(&buckets, &args.bucket)?;
    let mut query = Query::default();
    query.add("bucket", &bucket.id);
    let query = query.finish();
    // Opened before the list is read, so that nothing falls between the two.
    let mut tail = Tail::new(rest, format!("/v1/logs/stream?{query}"));
    tail.open().await?;
    let search = Search { rest, conditions: &args.conditions };
    if let Some(since) = &args.since {
        let mut from = Query::default();
        from.add("from", &since.at(Timestamp::now()));
        for log in list(rest, &format!("{query}&{}", from.finish()), 0).await?.into_iter().rev() {
            if let Some(log) = search.matching(log).await? {
                return Ok(log);
            }
        }
    }
    // Older events may be tried again meanwhile; they are not what is waited for.
    let from = args.since.is_none().then(|| tail.opened_at().as_second());
    loop {
        let log = read(&tail.next().await?)?;
        let received = timestamp(&log.created_at).map(Timestamp::as_second);
        if from.zip(received).is_some_and(|(from, received)| received < from) {
            continue;
        }
        if let Some(log) = search.matching(log).await? {
            return Ok(log);
        }
    }
}

struct Search<'a> {
    rest: &'a Client,
    conditions: &'a [Condition],
}

impl Search<'_> {
    /// The delivery, whole, if all conditions hold for it.
    async fn matching(&self, log: Log) -> Result<Option<Log>, Failure> {
        let (on_line, on_whole): (Vec<_>, Vec<_>) = self.conditions.iter().partition(|one| !one.needs_message());
        if !on_line.iter().all(|one| one.holds(&log)) {
            return Ok(None);
        }
        if on_whole.is_empty() {
            return Ok(Some(log));
        }
        // Lists may leave out what callers wrote.
        let log = if log.headers.is_none() { whole(self.rest, &log.id).await? } else { log };
        Ok(on_whole.iter().all(|one| one.holds(&log)).then_some(log))
    }
}
