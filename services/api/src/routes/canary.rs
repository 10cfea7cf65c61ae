//! What became of the canaries of a bucket.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use model::{BucketId, canary};

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::CANARIES_MAX;
use crate::logs::query;
use crate::request::At;
use crate::shape::canary::{Canaries, Canary};
use crate::{Api, own, write};

/// `GET /v1/buckets/{id}/canary`: which they are follows from how often they are sent.
pub(super) async fn get(State(api): State<Api>, caller: Caller, At(id): At<BucketId>) -> Result<Json<Canaries>, Error> {
    let every_seconds = own::bucket(api.directory(), &caller, id)?.record.canary_seconds;
    if every_seconds == 0 {
        return Ok(Json(Canaries::new(0, Vec::new())));
    }
    api.logs().whole().await?;
    let last = canary::last_due(id, every_seconds, write::now());
    let every = Duration::from_secs(every_seconds.into());
    let due = (0..CANARIES_MAX).map(move |n| last.minus(every * n));
    let read = move |connection: &rusqlite::Connection| {
        let mut canaries = Vec::new();
        for at in due {
            let event = canary::event(id, at);
            canaries.extend(Canary::new(event, at, &query::of_event(connection, id, event)?));
        }
        Ok(canaries)
    };
    Ok(Json(Canaries::new(every_seconds, api.logs().read(read).await?)))
}
