//! `relay ledger`: proves that nothing was lost.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::account::Account;
use super::bucket::all;
use super::failure::Failure;
use super::global::Global;
use super::out::Out;
use super::text::Query;
use crate::rest::{Bucket, find_bucket, find_output};

const EXPLAINED: &str = "\
For every output: received = sent + failed + rejected + expired + pending. What was received is
counted in the log of events, the rest by what became of it: an event that is lost and a delivery
without an event both show. The exit code is 1 when it does not hold anywhere.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXPLAINED)]
pub(super) struct Args {
    /// Of this bucket only, by name or id
    #[arg(short, long)]
    bucket: Option<String>,
}

/// A bucket's account.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    bucket: String,
    outputs: Vec<Line>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// An output's account.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    output: String,
    received: u64,
    sent: u64,
    failed: u64,
    rejected: u64,
    expired: u64,
    pending: u64,
    balanced: bool,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Line {
    /// The server's word is checked: the sum must hold here too.
    fn is_balanced(&self) -> bool {
        let sum = [self.sent, self.failed, self.rejected, self.expired, self.pending];
        self.balanced && sum.into_iter().try_fold(0_u64, u64::checked_add) == Some(self.received)
    }
}

pub(super) async fn run(global: &Global, args: Args, out: &mut Out) -> Result<(), Failure> {
    let rest = Account::known(global)?.rest();
    let buckets = all(&rest).await?;
    let mut query = Query::default();
    let bucket = args.bucket.as_ref().map(|wanted| find_bucket(&buckets, wanted)).transpose()?;
    query.add_if("bucket", bucket.map(|bucket| &bucket.id));
    let query = query.finish();
    let path = if query.is_empty() { "/v1/ledger".to_owned() } else { format!("/v1/ledger?{query}") };
    let pages: Vec<Page> = rest.get(&path).await?;
    if out.is_json() {
        out.json(&pages)?;
    } else {
        let lines: Vec<_> = pages.iter().flat_map(|page| page.outputs.iter().map(move |line| (page, line))).collect();
        let head = ["BUCKET", "OUTPUT", "RECEIVED", "SENT", "FAILED", "REJECTED", "EXPIRED", "PENDING", "BALANCED"];
        out.list(&lines, head, |(page, line)| row(page, line, &buckets))?;
    }
    let wrong = pages.iter().flat_map(|page| &page.outputs).filter(|line| !line.is_balanced()).count();
    match wrong {
        0 => Ok(()),
        wrong => Err(anyhow::anyhow!("the ledger is not balanced for {wrong} outputs").into()),
    }
}

/// Ids are shown by the names that they have here.
fn row(page: &Page, line: &Line, buckets: &[Bucket]) -> [String; 9] {
    let bucket = find_bucket(buckets, &page.bucket).map_or(&page.bucket, |bucket| &bucket.name);
    let output = find_output(buckets, Some(&page.bucket), &line.output).map_or(&line.output, |found| &found.part.name);
    let counts = [line.received, line.sent, line.failed, line.rejected, line.expired, line.pending];
    let [received, sent, failed, rejected, expired, pending] = counts.map(|count| count.to_string());
    let balanced = super::bucket::yes(line.is_balanced());
    [bucket.clone(), output.clone(), received, sent, failed, rejected, expired, pending, balanced]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_must_hold() {
        let line = Line { received: 6, sent: 2, failed: 1, rejected: 1, expired: 1, pending: 1, ..Line::default() };
        assert!(!line.is_balanced(), "the server says no");
        assert!(Line { balanced: true, ..line }.is_balanced());
        assert!(!Line { balanced: true, received: 1, ..Line::default() }.is_balanced());
        assert!(!Line { balanced: true, sent: u64::MAX, failed: 1, ..Line::default() }.is_balanced());
    }
}
