//! The integrations of an account. Only a token without scopes gets here.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::record::Integration as Record;
use model::{BucketId, IntegrationId};
use store::directory::Record as _;
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{BUCKETS_PER_ACCOUNT_MAX, INTEGRATIONS_PER_ACCOUNT_MAX, check_room};
use crate::request::{At, Body};
use crate::shape::Deleted;
use crate::shape::integration::{Attached, Change, Integration, read_new};
use crate::{Api, own, write};

/// Longer than any id.
const ID_BYTES_MAX: usize = 64;

/// `GET /v1/integrations`
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let integrations = own::integrations(api.directory(), &caller);
    let shown: Vec<_> = integrations.iter().map(|integration| show(&api, &integration.record)).collect();
    Ok(Json(shown).into_response())
}

/// `POST /v1/integrations`
pub(super) async fn create(State(api): State<Api>, caller: Caller, body: Body) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let integration = read_new(&body.fields()?, caller.account(), IntegrationId(Uuid::new_v4()), write::now())?;
    let count = own::integrations(api.directory(), &caller).len();
    check_room(count, INTEGRATIONS_PER_ACCOUNT_MAX, "integrations in this account")?;
    api.by(&caller).create(&integration).await?;
    Ok((StatusCode::CREATED, Json(show(&api, &integration))).into_response())
}

/// `GET /v1/integrations/{id}`
pub(super) async fn get(State(api): State<Api>, caller: Caller, At(id): At<IntegrationId>) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let integration = own::integration(api.directory(), &caller, id)?.record;
    Ok(Json(show(&api, &integration)).into_response())
}

/// `PUT /v1/integrations/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<IntegrationId>,
    body: Body,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    own::integration(api.directory(), &caller, id)?;
    let change = Change::read(&body.fields()?)?;
    swap(&api, &caller, id, |integration| {
        change.apply(integration);
        Ok(())
    })
    .await
}

/// `DELETE /v1/integrations/{id}`
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<IntegrationId>,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    let integration = own::integration(api.directory(), &caller, id)?.record;
    api.by(&caller).delete(&integration.key()).await?;
    Ok(Json(Deleted::new(id)).into_response())
}

/// `POST /v1/integrations/{id}/buckets`: attaches it to a bucket.
pub(super) async fn attach(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<IntegrationId>,
    body: Body,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    own::integration(api.directory(), &caller, id)?;
    let fields = body.fields()?;
    let bucket: Option<BucketId> = fields.parsed("bucket_id", ID_BYTES_MAX)?;
    let bucket = bucket.ok_or_else(|| fields.invalid("bucket_id", "is missing"))?;
    own::bucket(api.directory(), &caller, bucket)?;
    swap(&api, &caller, id, |integration| {
        // What was deleted since makes room.
        integration.buckets.retain(|id| *id != bucket && api.directory().bucket(*id).is_some());
        check_room(integration.buckets.len(), BUCKETS_PER_ACCOUNT_MAX, "buckets on this integration")?;
        integration.buckets.push(bucket);
        Ok(())
    })
    .await
}

/// `DELETE /v1/integrations/{id}/buckets/{bucket}`
pub(super) async fn detach(
    State(api): State<Api>,
    caller: Caller,
    At((id, bucket)): At<(IntegrationId, BucketId)>,
) -> Result<Response, Error> {
    caller.require_no_scopes()?;
    if !own::integration(api.directory(), &caller, id)?.record.buckets.contains(&bucket) {
        return Err(Error::NotFound("bucket"));
    }
    let remove = |integration: &mut Record| {
        integration.buckets.retain(|attached| *attached != bucket);
        Ok(())
    };
    swap(&api, &caller, id, remove).await?;
    Ok(Json(Deleted::new(bucket)).into_response())
}

async fn swap(
    api: &Api,
    caller: &Caller,
    id: IntegrationId,
    change: impl Fn(&mut Record) -> Result<(), Error>,
) -> Result<Response, Error> {
    let integration = write::swap(&api.by(caller), || own::integration(api.directory(), caller, id), change).await?;
    Ok(Json(show(api, &integration)).into_response())
}

/// Shows an integration with those of its buckets that are still there.
fn show<'a>(api: &Api, integration: &'a Record) -> Integration<'a> {
    let buckets = integration.buckets.iter().filter_map(|id| api.directory().bucket(*id));
    let attached = |bucket: store::directory::Versioned<model::record::Bucket>| Attached {
        id: bucket.record.id,
        name: bucket.record.name.as_str().to_owned(),
    };
    Integration::new(integration, buckets.map(attached).collect())
}
