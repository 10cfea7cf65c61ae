//! Which events rules would let through, tried on those that came last.

use axum::Json;
use axum::extract::{Query, State};
use model::{BucketId, OutputId};
use serde::Deserialize;

use super::log::number;
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::PREVIEWED_MAX;
use crate::logs::query;
use crate::request::{At, Body};
use crate::shape::output::read_rules;
use crate::shape::preview::{Judged, Preview};
use crate::{Api, own, show};

/// How many events are judged unless the request says otherwise.
const PREVIEWED_DEFAULT: usize = 20;

/// What may be said.
#[derive(Deserialize)]
pub(super) struct Asked {
    limit: Option<String>,
}

/// `POST /v1/buckets/{id}/outputs/{output}/rules/preview`: judges the last events of the bucket by
/// the rules that are sent, or without any by those that the output has. Nothing changes.
pub(super) async fn judge(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, OutputId)>,
    Query(asked): Query<Asked>,
    body: Body,
) -> Result<Json<Preview>, Error> {
    let output = own::output(api.directory(), &caller, ids)?.record;
    let bucket = own::bucket(api.directory(), &caller, output.bucket)?.record;
    if bucket.ephemeral {
        return Err(Error::Invalid("webhooks of an ephemeral bucket are not kept and cannot be judged".to_owned()));
    }
    let rules = match body.is_empty() {
        true => output.rules.clone().unwrap_or_default(),
        false => read_rules(&body.json()?)?,
    };
    let limit = number("limit", &asked.limit)?.unwrap_or(PREVIEWED_DEFAULT).clamp(1, PREVIEWED_MAX);
    let rows = api.logs().read(move |connection| query::newest_events(connection, bucket.id, limit)).await?;
    let mut judged = Vec::with_capacity(rows.len());
    for row in rows {
        // What is no longer kept, or can never be read again, cannot be judged.
        if let Some(request) = show::request(&api, &row).await? {
            judged.push(Judged::new(row.event, request.method.clone(), &rules.evaluate(&request)));
        }
    }
    Ok(Json(Preview::new(judged)))
}
