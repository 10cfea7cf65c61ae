//! Who changed what.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::log::{number, said};
use crate::Api;
use crate::auth::Caller;
use crate::error::Error;
use crate::limits::CHANGES_PER_PAGE_MAX;
use crate::shape::audit::Page;

/// What may be said.
#[derive(Deserialize)]
pub(super) struct Asked {
    limit: Option<String>,
    cursor: Option<String>,
}

/// `GET /v1/audit`: the changes of the account's records that are still in the directory's history,
/// newest first. A page may have fewer than it may, and none, and yet not be the last.
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>, Error> {
    caller.require_no_scopes()?;
    let limit = number("limit", &asked.limit)?.unwrap_or(CHANGES_PER_PAGE_MAX).clamp(1, CHANGES_PER_PAGE_MAX);
    let before =
        said(&asked.cursor).map(|text| text.parse().map_err(|_| Error::invalid("cursor", "is none that a page named")));
    let past = api.directory().past(caller.account(), before.transpose()?, limit).await?;
    Ok(Json(Page::new(&past)))
}
