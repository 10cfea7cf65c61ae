//! `relay logs`: what became of a bucket's events.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::filter::Filter;
use super::global::Global;
use super::moment::{Moment, shown};
use super::out::{Out, plain};
use crate::rest::{Bucket, Client, Log, LogPage, Tail};

/// How many are shown unless somebody says otherwise.
const LIMIT_DEFAULT: usize = 50;
/// How many are asked for at once.
const PAGE: usize = 100;

const EXAMPLES: &str = "\
Examples:
  relay logs -b orders
  relay logs -b orders --status failed --from 1h
  relay logs -b orders --follow
  relay logs -b orders --follow --json | jq .status_code";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The bucket, by name or id
    #[arg(short, long)]
    bucket: String,
    /// How many, the newest; 0 for all [default: 50, or none with --follow]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    filter: Filter,
    /// The same as --until
    #[arg(long, value_name = "TIME", value_parser = Moment::parse, conflicts_with = "until")]
    to: Option<Moment>,
}

pub(super) async fn run(global: &Global, mut args: Args, out: &mut Out) -> Result<(), Failure> {
    args.filter.until = args.filter.until.take().or(args.to.take());
    let rest = Account::known(global)?.rest();
    let buckets = all(&rest).await?;
    let found = args.filter.find(&buckets, &args.bucket, Timestamp::now())?;
    let query = found.query().finish();
    let names = Names::of(&buckets);
    if !args.follow {
        let logs = list(&rest, &query, args.limit.unwrap_or(LIMIT_DEFAULT)).await?;
        let head = ["TIME", "STATUS", "CODE", "METHOD", "PATH", "OUTPUT", "TOOK", "TRIES", "ID"];
        return Ok(out.list(&logs, head, |log| names.row(log))?);
    }
    // Opened before the list is read: what happens meanwhile shows twice rather than never.
    let mut tail = Tail::new(&rest, format!("/v1/logs/stream?{query}"));
    tail.open().await?;
    if let Some(limit) = args.limit {
        for log in list(&rest, &query, limit).await?.iter().rev() {
            names.line(log, out)?;
        }
    }
    loop {
        let log = read(&tail.next().await?)?;
        if found.covers(&log) {
            names.line(&log, out)?;
        }
    }
}

/// The newest deliveries, newest first; 0 means all.
pub(super) async fn list(rest: &Client, query: &str, limit: usize) -> Result<Vec<Log>, Failure> {
    let wanted = if limit == 0 { usize::MAX } else { limit };
    let (mut logs, mut cursor) = (Vec::new(), String::new());
    while logs.len() < wanted {
        let page = PAGE.min(wanted - logs.len());
        let mut path = format!("/v1/logs?{query}&limit={page}");
        if !cursor.is_empty() {
            let mut query = super::text::Query::default();
            query.add("cursor", &cursor);
            path = format!("{path}&{}", query.finish());
        }
        let LogPage { mut data, next_cursor } = rest.get(&path).await?;
        data.truncate(page);
        // A server that goes round in circles must not keep us here.
        let is_last = data.is_empty() || next_cursor.is_empty() || next_cursor == cursor;
        logs.append(&mut data);
        cursor = next_cursor;
        if is_last {
            break;
        }
    }
    Ok(logs)
}

/// Reads the data of an event of the live list.
pub(super) fn read(data: &str) -> Result<Log, Failure> {
    serde_json::from_str(data).map_err(|err| anyhow::anyhow!("the live list cannot be read: {err}").into())
}

/// Names of outputs by their ids.
pub(super) struct Names(HashMap<String, String>);

impl Names {
    pub(super) fn of(buckets: &[Bucket]) -> Self {
        let outputs = buckets.iter().flat_map(|bucket| &bucket.outputs);
        Self(outputs.map(|output| (output.id.clone(), output.name.clone())).collect())
    }

    /// The name of an output, or its id when it is gone.
    pub(super) fn output<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }

    fn row(&self, log: &Log) -> [String; 9] {
        [
            shown(&log.created_at),
            log.status.clone(),
            code(log),
            log.method.clone(),
            log.target(),
            self.output(&log.output_id).to_owned(),
            format!("{} ms", log.duration_ms),
            (log.retries + 1).to_string(),
            log.id.clone(),
        ]
    }

    /// One line for one delivery, as it comes.
    fn line(&self, log: &Log, out: &mut Out) -> Result<(), Failure> {
        if out.is_json() {
            return Ok(out.line(serde_json::to_string(log).map_err(anyhow::Error::from)?)?);
        }
        let [time, status, code, method, target, output, took, _, id] = self.row(log).map(|cell| plain(&cell));
        Ok(out.line(format_args!("{time}  {status:8} {code:3}  {method:6} {target}  -> {output}  {took}  {id}"))?)
    }
}

/// The status of the answer, or `-`.
pub(super) fn code(log: &Log) -> String {
    if log.status_code == 0 { "-".to_owned() } else { log.status_code.to_string() }
}

/// The delivery of that id, whole.
pub(super) async fn whole(rest: &Client, id: &str) -> Result<Log, Failure> {
    let value: Value = rest.get(&format!("/v1/logs/{}", super::text::segment(id))).await?;
    serde_json::from_value(value).map_err(|err| anyhow::anyhow!("the delivery cannot be read: {err}").into())
}
