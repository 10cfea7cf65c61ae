//! Replays of many: begun, watched, cancelled.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::record::Bucket;
use model::{OutputId, UnixMs};
use store::replay::Progress;
use uuid::Uuid;

use super::log::{Asked, bucket_of, output_of};
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{LABEL_BYTES_MAX, REPLAYED_MAX};
use crate::logs::query;
use crate::replay::Plan;
use crate::request::{At, Body};
use crate::resend::{self, Manner};
use crate::shape::Fields;
use crate::shape::replay::Replay as Shown;
use crate::{Api, own, write};

fn shown(id: Uuid, progress: &Progress) -> Shown {
    let Progress { bucket, status, matched, done, failed, .. } = *progress;
    Shown { id, bucket, status, matched, done, failed }
}

/// `POST /v1/replays`
pub(super) async fn create(State(api): State<Api>, caller: Caller, body: Body) -> Result<Response, Error> {
    let fields = body.fields()?;
    let bucket = bucket_of(&api, &caller, fields.text("bucket", LABEL_BYTES_MAX)?)?.record;
    resend::check_kept(bucket.ephemeral)?;
    let output = fields.text("output", LABEL_BYTES_MAX)?.filter(|text| !text.is_empty());
    let to = output.map(|text| output_of(&api, &bucket, text)).transpose()?;
    let manner = Manner { to, resign: fields.flag("resign")?.unwrap_or(false) };
    let mut filter = asked(&fields)?.filter(&api, &bucket)?;
    if manner.resign {
        check_can_resign(&api, &bucket, to.or(filter.output))?;
    }
    // What it sends again itself is not sent again once more.
    let now = UnixMs(write::now().0 + 1);
    filter.until = Some(filter.until.map_or(now, |until| until.min(now)));
    api.logs().whole().await?;
    let (id, counted) = (bucket.id, filter.clone());
    let matched = api.logs().read(move |connection| query::count(connection, id, &counted, REPLAYED_MAX + 1)).await?;
    if matched > REPLAYED_MAX {
        return Err(Error::Precondition(format!("the filter lets more than {REPLAYED_MAX} deliveries through")));
    }
    let is_dry = fields.flag("dry_run")?.unwrap_or(false);
    let replay = api.replays().begin(Plan { bucket, filter, manner }, matched, is_dry, api.logs().stop())?;
    // Before its id is known: whoever is asked next knows of it.
    replay.tell(&api).await;
    Ok((StatusCode::CREATED, Json(shown(replay.id, &replay.progress()))).into_response())
}

/// Refuses what could sign nothing.
fn check_can_resign(api: &Api, bucket: &Bucket, output: Option<OutputId>) -> Result<(), Error> {
    let all = api.directory().outputs_of(bucket.id);
    let mut meant = all.iter().filter(|there| output.is_none_or(|output| output == there.record.id));
    match meant.any(|output| output.record.resign_secret.is_some()) {
        true => Ok(()),
        false => Err(Error::invalid("resign", "needs an output that has a resign_secret")),
    }
}

/// `GET /v1/replays/{id}`
pub(super) async fn get(State(api): State<Api>, caller: Caller, At(id): At<Uuid>) -> Result<Response, Error> {
    Ok(Json(shown(id, &find(&api, &caller, id).await?)).into_response())
}

/// `DELETE /v1/replays/{id}`: ends it where it is, in whatever process it runs.
pub(super) async fn cancel(State(api): State<Api>, caller: Caller, At(id): At<Uuid>) -> Result<Response, Error> {
    find(&api, &caller, id).await?;
    match api.replays().get(id) {
        Some(here) => here.cancel(),
        None => api.store().replays().cancel(id).await?,
    }
    Ok(Json(shown(id, &find(&api, &caller, id).await?)).into_response())
}

/// How far a replay of the caller's is, by itself or by what it told.
async fn find(api: &Api, caller: &Caller, id: Uuid) -> Result<Progress, Error> {
    let progress = match api.replays().get(id) {
        Some(here) => Some(here.progress()),
        None => api.store().replays().told(id).await?,
    };
    let progress = progress.filter(|progress| progress.account == caller.account());
    let progress = progress.ok_or(Error::NotFound("replay"))?;
    own::bucket(api.directory(), caller, progress.bucket).map_err(|_| Error::NotFound("replay"))?;
    Ok(progress)
}

/// Which deliveries are meant, in the words of a list of logs.
fn asked(fields: &Fields) -> Result<Asked, Error> {
    let filters = fields.object("filters")?.unwrap_or_default();
    let text = |of: &Fields, field: &str| -> Result<Option<String>, Error> {
        Ok(of.text(field, LABEL_BYTES_MAX)?.map(str::to_owned))
    };
    let either = |field: &str| Ok::<_, Error>(text(fields, field)?.or(text(&filters, field)?));
    Ok(Asked {
        from: either("from")?,
        to: either("to")?,
        status: text(&filters, "status")?,
        output: text(&filters, "output")?,
        input: text(&filters, "input")?,
        method: text(&filters, "method")?,
        status_code: filters.number("status_code", 0..=999u16)?.map(|code| code.to_string()),
        ..Asked::default()
    })
}
