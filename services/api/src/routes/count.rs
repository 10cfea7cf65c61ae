//! Counts of logs: the ledger of a bucket, by minute, by day, and what an account uses.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use model::{AccountId, BucketId, OutputId, UnixMs};
use serde::{Deserialize, Serialize};

use super::log::{bucket_of, number, said};
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::SPANS_MAX;
use crate::logs::count::{self, Balance, DAY_MS, MINUTE_MS, Span};
use crate::logs::query::Filter;
use crate::logs::status::Status;
use crate::request::At;
use crate::{Api, own, when, write};

/// How far back days are counted unless the request says otherwise.
const DAYS_DEFAULT: u64 = 7;
/// How far back minutes are counted unless the request says otherwise.
const MINUTES_DEFAULT: u64 = 60;

/// What a count may be told.
#[derive(Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
    #[serde(alias = "bucketId", alias = "bucket")]
    bucket_id: Option<String>,
    output_id: Option<String>,
    status: Option<String>,
    status_code: Option<String>,
}

/// The ledger of a bucket.
#[derive(Serialize)]
pub(super) struct Ledger {
    bucket: BucketId,
    outputs: Vec<Line>,
}

/// What became of everything that an output was due.
#[derive(Serialize)]
struct Line {
    output: String,
    received: u64,
    sent: u64,
    failed: u64,
    rejected: u64,
    expired: u64,
    pending: u64,
    balanced: bool,
}

/// `GET /v1/ledger`
pub(super) async fn ledger(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<Ledger>>, Error> {
    let buckets = wanted(&api, &caller, &asked)?;
    api.logs().whole().await?;
    let read = move |connection: &rusqlite::Connection| {
        let ledgers = buckets.into_iter().map(|bucket| {
            let outputs = count::ledger(connection, bucket)?;
            Ok(Ledger {
                bucket,
                outputs: outputs.into_iter().map(|(output, balance)| line(output, &balance)).collect(),
            })
        });
        ledgers.collect()
    };
    Ok(Json(api.logs().read(read).await?))
}

fn line(output: OutputId, balance: &Balance) -> Line {
    Line {
        output: if output == OutputId::NONE { String::new() } else { output.to_string() },
        received: balance.received,
        sent: balance.of(Status::Sent),
        failed: balance.of(Status::Failed),
        rejected: balance.of(Status::Rejected),
        expired: balance.of(Status::Expired),
        pending: balance.of(Status::Received) + balance.of(Status::Stalled),
        balanced: balance.is_balanced(),
    }
}

/// Logs by minute.
#[derive(Serialize)]
pub(super) struct Histogram {
    buckets: Vec<Minute>,
    resolution: &'static str,
}

/// A minute in which something was received.
#[derive(Serialize)]
struct Minute {
    /// Its beginning, in seconds since the Unix epoch.
    minute: u64,
    counts: BTreeMap<&'static str, u64>,
    total: u64,
    retried: u64,
    retry_count: u64,
    max_retries: u64,
    latency_ms_avg: f64,
}

/// `GET /v1/logs/histogram`
pub(super) async fn histogram(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Histogram>, Error> {
    let spans = spans(&api, &caller, &asked, MINUTE_MS, MINUTES_DEFAULT).await?;
    let buckets = spans.into_iter().map(|(at, span)| minute(at, &span)).collect();
    Ok(Json(Histogram { buckets, resolution: "1m" }))
}

fn minute(at: u64, span: &Span) -> Minute {
    let mut counts = BTreeMap::new();
    for status in Status::ALL {
        match span.by_status[status as usize] {
            0 => {}
            count => *counts.entry(status.name()).or_default() += count,
        }
    }
    // Both are far below 2^52, from where on a float skips whole numbers.
    #[expect(clippy::cast_precision_loss, reason = "an average of milliseconds")]
    let latency_ms_avg = if span.answered == 0 { 0.0 } else { span.answered_ms as f64 / span.answered as f64 };
    Minute {
        minute: at / 1000,
        counts,
        total: span.total(),
        retried: span.retried,
        retry_count: span.retry_count,
        max_retries: span.retries_max,
        latency_ms_avg,
    }
}

/// A day.
#[derive(Serialize)]
pub(super) struct Day {
    day: String,
    received: u64,
    success: u64,
    failures: u64,
    retried: u64,
    retry_count: u64,
    max_retries: u64,
}

/// `GET /v1/logs-stats`
pub(super) async fn stats(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<Day>>, Error> {
    let spans = spans(&api, &caller, &asked, DAY_MS, DAYS_DEFAULT).await?;
    let days = spans.into_iter().map(|(at, span)| Day {
        day: when::day(UnixMs(at)),
        received: span.total(),
        success: span.by_status[Status::Sent as usize],
        failures: span.by_status[Status::Failed as usize] + span.by_status[Status::Expired as usize],
        retried: span.retried,
        retry_count: span.retry_count,
        max_retries: span.retries_max,
    });
    Ok(Json(days.collect()))
}

/// What an account has and uses.
#[derive(Serialize)]
pub(super) struct Usage {
    account_id: AccountId,
    agents: usize,
    buckets: usize,
    inputs: usize,
    outputs: usize,
    tokens: usize,
    tunnels: usize,
    /// The webhooks that are kept.
    webhooks: u64,
    created_at: u64,
}

/// `GET /v1/usage`
pub(super) async fn usage(State(api): State<Api>, caller: Caller) -> Result<Json<Usage>, Error> {
    let buckets = own::buckets(api.directory(), &caller);
    let ids: Vec<_> = buckets.iter().map(|bucket| bucket.record.id).collect();
    let counted = ids.clone();
    api.logs().whole().await?;
    let count = move |connection: &rusqlite::Connection| {
        counted.into_iter().try_fold(0, |sum, bucket| Ok(sum + count::events(connection, bucket)?))
    };
    let webhooks = api.logs().read(count).await?;
    let (directory, account) = (api.directory(), caller.account());
    let pages = api.store().presence().pages();
    let agents = pages.iter().flat_map(|page| &page.sessions).filter(|session| session.account == account).count();
    Ok(Json(Usage {
        account_id: account,
        agents,
        buckets: ids.len(),
        inputs: ids.iter().map(|id| directory.inputs_of(*id).len()).sum(),
        outputs: ids.iter().map(|id| directory.outputs_of(*id).len()).sum(),
        tokens: directory.tokens_of(account).len(),
        tunnels: 0,
        webhooks,
        created_at: directory.account(account).map_or(0, |account| account.record.created_at.seconds()),
    }))
}

/// `GET /v1/usages/{id}`: of the caller's account; there is no other for it.
pub(super) async fn usage_of(api: State<Api>, caller: Caller, At(id): At<AccountId>) -> Result<Json<Usage>, Error> {
    if id != caller.account() {
        return Err(Error::NotFound("account"));
    }
    usage(api, caller).await
}

/// The bucket that is named, or all that the caller sees.
fn wanted(api: &Api, caller: &Caller, asked: &Asked) -> Result<Vec<BucketId>, Error> {
    match said(&asked.bucket_id) {
        Some(text) => Ok(vec![bucket_of(api, caller, Some(text))?.record.id]),
        None => Ok(own::buckets(api.directory(), caller).iter().map(|bucket| bucket.record.id).collect()),
    }
}

async fn spans(
    api: &Api,
    caller: &Caller,
    asked: &Asked,
    span_ms: u64,
    spans_default: u64,
) -> Result<BTreeMap<u64, Span>, Error> {
    let buckets = wanted(api, caller, asked)?;
    let until = said(&asked.to).map_or(Ok(UnixMs(write::now().0 + 1)), |text| when::until("to", text))?;
    let default = UnixMs(until.0.saturating_sub(spans_default * span_ms));
    let from = said(&asked.from).map_or(Ok(default), |text| when::from("from", text))?;
    if until.0.saturating_sub(from.0) / span_ms > SPANS_MAX {
        return Err(Error::invalid("from", format_args!("lies more than {SPANS_MAX} minutes or days before the end")));
    }
    let statuses = said(&asked.status)
        .map(|word| Status::named(word).ok_or_else(|| Error::invalid("status", "is none that a log can have")));
    let output = said(&asked.output_id).map(|id| id.parse().map_err(|_| Error::NotFound("output")));
    let filter = Filter {
        from: Some(from),
        until: Some(until),
        statuses: statuses.transpose()?,
        output: output.transpose()?,
        status_code: number("status_code", &asked.status_code)?,
        ..Filter::default()
    };
    let count = move |connection: &rusqlite::Connection| {
        let mut spans = BTreeMap::new();
        for bucket in buckets {
            count::spans(connection, bucket, &filter, span_ms, &mut spans)?;
        }
        Ok(spans)
    };
    api.logs().read(count).await
}
