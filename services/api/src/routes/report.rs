//! What clients do to logs: say how a delivery ended, and have one sent again.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use model::fact::Fact;
use model::record::Bucket;
use model::{DeliveryId, GroupId, OutputId};
use store::answer::Given;
use store::directory::Versioned;
use store::fact::CursorKey;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::log::{find, output_of};
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::LABEL_BYTES_MAX;
use crate::logs::row::Row;
use crate::request::{At, Body};
use crate::resend::{self, Manner};
use crate::shape::report::{Done, Report};
use crate::{Api, write};

/// How long after its receipt, or after something last happened to it, a delivery may be reported on:
/// a client that comes back is given what it missed later than it was received.
pub(crate) const REPORT_WINDOW: Duration = Duration::from_secs(10);
/// How long a log is waited for that is being reported on, and the fact that it has reached its
/// client: who was just given a webhook may be faster than the logs.
const APPEAR_WAIT: Duration = Duration::from_secs(1);

/// `PUT /v1/logs/{id}`: a client says how a delivery ended, and what the caller is to be answered.
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<DeliveryId>,
    body: Body,
) -> Result<Json<Done>, Error> {
    let report = Report::read(&body.fields()?)?;
    let (bucket, row) = appear(&api, &caller, id).await?;
    let done = Done { id, status: "updated" };
    let Some(ending) = report.ending() else { return Ok(Json(done)) };
    let (event, output) = (row.event, row.output);
    let mut fact = Fact::Reported {
        event,
        at: write::now(),
        ending,
        status: report.status_code(),
        duration_ms: report.duration_ms,
        answer: None,
    };
    if let Some(answer) = report.answer() {
        let given = Given { event, output, answer };
        // The caller first: it waits.
        bring(&api, &row, &given).await?;
        if !row.ephemeral {
            let kept = api.store().answers().keep(row.bucket, std::slice::from_ref(&given)).await?;
            fact = kept.first().map_or(fact, |kept| fact.with_answer(*kept));
        }
    }
    api.store().facts().append(&key(&bucket.record, output), &[fact]).await?;
    let told = api.store().reports().tell(&store::report::Report { event, output }).await;
    if let Err(error) = told {
        warn!(%event, %error, "a report could not be told to sockets");
    }
    Ok(Json(done))
}

/// `POST /v1/logs/{id}/action`: has a delivery sent again, as an event of its own.
pub(super) async fn act(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<DeliveryId>,
    body: Body,
) -> Result<Json<Done>, Error> {
    let (bucket, row) = find(&api, &caller, id).await?;
    let fields = body.fields()?;
    match fields.text("action", LABEL_BYTES_MAX)? {
        Some("resend") => {}
        Some(_) | None => return Err(fields.invalid("action", "must be resend")),
    }
    // Functions run when a delivery is attempted: either way it is as if it had just come.
    match fields.text("process_policy", LABEL_BYTES_MAX)?.unwrap_or_default() {
        "" | "skip" | "force" => {}
        _ => return Err(fields.invalid("process_policy", "must be skip or force")),
    }
    let output = fields.text("output", LABEL_BYTES_MAX)?.filter(|text| !text.is_empty());
    let to = output.map(|text| output_of(&api, &bucket.record, text)).transpose()?;
    let manner = Manner { to, resign: fields.flag("resign")?.unwrap_or(false) };
    let id = resend::again(&api, &bucket.record, &row, manner).await?;
    Ok(Json(Done { id, status: "resent" }))
}

/// Whose facts are written for what comes over REST.
pub(super) fn key(bucket: &Bucket, output: OutputId) -> CursorKey {
    CursorKey { bucket: bucket.id, output, group: GroupId::API, ephemeral: bucket.ephemeral }
}

/// A log of the caller's that may be reported on, which may appear only now.
async fn appear(api: &Api, caller: &Caller, id: DeliveryId) -> Result<(Versioned<Bucket>, Row), Error> {
    let deadline = Instant::now() + APPEAR_WAIT;
    loop {
        let moved = api.logs().moved();
        let missing = match find(api, caller, id).await {
            Ok((bucket, row)) if is_recent(&row) => return Ok((bucket, row)),
            Ok(_) => Error::Invalid("a log can be changed only within 10 seconds of its receipt".to_owned()),
            Err(Error::NotFound(what)) => Error::NotFound(what),
            Err(error) => return Err(error),
        };
        if timeout_at(deadline, moved).await.is_err() {
            return Err(missing);
        }
    }
}

fn is_recent(row: &Row) -> bool {
    write::now().since(row.received_at().max(row.course.updated_at)) <= REPORT_WINDOW
}

/// Brings an answer to the caller of the webhook, where one waits.
async fn bring(api: &Api, row: &Row, given: &Given) -> Result<(), Error> {
    let stored = api.store().events().at(row.bucket, row.ephemeral, row.place).await?;
    let waiting = stored.filter(|stored| stored.event == row.event).and_then(|stored| stored.meta.answer_to);
    match waiting {
        Some(to) => Ok(api.store().answers().bring(&to, row.bucket, given).await?),
        None => Ok(()),
    }
}
