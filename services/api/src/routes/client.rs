//! Who is connected, how groups stand, and where this relay is.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::auth::Caller;
use crate::error::Error;
use crate::shape::account::Region;
use crate::shape::client::{Clients, Group};
use crate::{Api, own};

/// `GET /v1/connected-clients`: a token with scopes sees its own alone.
pub(super) async fn connected(State(api): State<Api>, caller: Caller) -> Response {
    let pages = api.store().presence().pages();
    let mut sessions: Vec<_> = pages.iter().flat_map(|page| &page.sessions).collect();
    sessions.retain(|session| session.account == caller.account() && caller.sees_session_of(session.token));
    sessions.sort_by_key(|session| (session.since, session.id));
    Json(Clients::new(sessions.into_iter())).into_response()
}

/// Which groups `GET /v1/groups` is asked for.
#[derive(Deserialize)]
pub(super) struct Of {
    bucket: Option<String>,
}

/// `GET /v1/groups?bucket=`: those of a bucket, by its name or id, or of all.
pub(super) async fn groups(State(api): State<Api>, caller: Caller, Query(of): Query<Of>) -> Result<Response, Error> {
    let mut buckets = own::buckets(api.directory(), &caller);
    if let Some(named) = of.bucket.filter(|named| !named.is_empty()) {
        buckets.retain(|bucket| bucket.record.name.as_str() == named || bucket.record.id.to_string() == named);
        if buckets.is_empty() {
            return Err(Error::NotFound("bucket"));
        }
    }
    let ids: std::collections::HashSet<_> = buckets.iter().map(|bucket| bucket.record.id).collect();
    let mut groups = api.directory().groups();
    groups.retain(|group| ids.contains(&group.record.bucket));
    groups.sort_by_key(|group| (group.record.created_at, group.record.output, group.record.id));
    let cursors = api.store().presence().cursors();
    let cursor = |group: &model::record::Group| cursors.get(&(group.bucket, group.output, group.id));
    let shown: Vec<_> = groups.iter().map(|group| Group::new(&group.record, cursor(&group.record))).collect();
    Ok(Json(shown).into_response())
}

/// `GET /v1/regions`: this relay is the only one.
pub(super) async fn regions(State(api): State<Api>, _: Caller) -> Json<[Region; 1]> {
    Json([Region::new(api.public_host())])
}
