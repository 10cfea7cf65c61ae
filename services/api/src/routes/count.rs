//! Counts of logs: the ledger of a bucket, by minute, by day, and what an account uses.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use model::{AccountId, BucketId, UnixMs};
use serde::Deserialize;

use super::log::{bucket_of, number, said};
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::SPANS_MAX;
use crate::logs::count::{self, DAY_MS, MINUTE_MS, Span};
use crate::logs::ledger;
use crate::logs::query::Filter;
use crate::logs::status::Status;
use crate::request::At;
use crate::shape::count::{Day, Histogram, Ledger, Usage};
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

/// `GET /v1/ledger`
pub(super) async fn ledgers(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<Ledger>>, Error> {
    let buckets = wanted(&api, &caller, &asked)?;
    api.logs().whole().await?;
    let mut ledgers = Vec::with_capacity(buckets.len());
    for id in buckets {
        // It may have been deleted meanwhile.
        if let Some(bucket) = api.directory().bucket(id) {
            ledgers.push(Ledger::new(id, &ledger::of(api.logs(), api.store(), &bucket.record).await?));
        }
    }
    Ok(Json(ledgers))
}

/// `GET /v1/logs/histogram`
pub(super) async fn histogram(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Histogram>, Error> {
    let spans = spans(&api, &caller, &asked, MINUTE_MS, MINUTES_DEFAULT).await?;
    Ok(Json(Histogram::new(&spans)))
}

/// `GET /v1/logs-stats`
pub(super) async fn stats(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Vec<Day>>, Error> {
    let spans = spans(&api, &caller, &asked, DAY_MS, DAYS_DEFAULT).await?;
    let days = spans.iter().map(|(at, span)| Day::new(UnixMs(*at), span));
    Ok(Json(days.collect()))
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
