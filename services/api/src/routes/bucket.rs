//! Buckets.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use model::record::{Bucket, Input, Integration, Output};
use model::{AccountId, BucketId, CronId, InputId};
use serde::Deserialize;
use serde_json::Value;
use store::directory::{Directory, Record, Versioned};
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{BUCKETS_PER_ACCOUNT_MAX, check_room};
use crate::request::{At, Body};
use crate::shape::auth::Said;
use crate::shape::{self, Deleted};
use crate::{Api, own, write};

/// How many records of a bucket are deleted side by side.
const DELETIONS_MAX: usize = 16;
const OUT_OF_SCOPE: Error = Error::Forbidden("this token's scopes do not have a bucket of that name");

/// `GET /v1/buckets`
pub(super) async fn list(State(api): State<Api>, caller: Caller) -> Response {
    let buckets = own::buckets(api.directory(), &caller);
    let attached = Attached::of(api.directory(), caller.account());
    let parts: Vec<_> = buckets.iter().map(|bucket| Parts::of(&api, &attached, bucket.record.id)).collect();
    let shown: Vec<_> = buckets.iter().zip(&parts).map(|(bucket, parts)| parts.show(&api, &bucket.record)).collect();
    Json(shown).into_response()
}

/// `POST /v1/buckets`: a bucket, with an input so that it can be used at once.
pub(super) async fn create(State(api): State<Api>, caller: Caller, body: Body) -> Result<Response, Error> {
    let now = write::now();
    let fields = body.fields()?;
    let mut bucket = shape::bucket::read_new(&fields, caller.account(), BucketId(Uuid::new_v4()), now)?;
    let auth = Said::read(&fields)?;
    if !caller.sees(&bucket) {
        return Err(OUT_OF_SCOPE);
    }
    check_room(api.directory().buckets_of(caller.account()).len(), BUCKETS_PER_ACCOUNT_MAX, "buckets in this account")?;
    auth.hashed(api.hashing()).await?.apply(&mut bucket.auth)?;
    write::create(&api.by(&caller), &bucket).await?;
    let input = shape::input::plain(shape::input::DEFAULT_NAME, &bucket, InputId(Uuid::new_v4()), now);
    write::create(&api.by(&caller), &input).await?;
    Ok((StatusCode::CREATED, shown(&api, &bucket)).into_response())
}

/// `GET /v1/buckets/{id}`
pub(super) async fn get(State(api): State<Api>, caller: Caller, At(id): At<BucketId>) -> Result<Response, Error> {
    let bucket = own::bucket(api.directory(), &caller, id)?.record;
    Ok(shown(&api, &bucket))
}

/// `PUT /v1/buckets/{id}`
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<BucketId>,
    body: Body,
) -> Result<Response, Error> {
    let read = || own::bucket(api.directory(), &caller, id);
    read()?;
    let fields = body.fields()?;
    let change = shape::bucket::Change::read(&fields)?;
    let auth = Said::read(&fields)?.hashed(api.hashing()).await?;
    let apply = |bucket: &mut Bucket| {
        change.apply(bucket)?;
        auth.apply(&mut bucket.auth)?;
        if caller.sees(bucket) { Ok(()) } else { Err(OUT_OF_SCOPE) }
    };
    let new_name = change.name().map(model::name::Name::as_str);
    let bucket = write::update(&api.by(&caller), new_name, read, apply).await?;
    Ok(shown(&api, &bucket))
}

/// What `DELETE /v1/buckets/{id}` may be told.
#[derive(Deserialize)]
pub(super) struct How {
    force: Option<String>,
}

impl How {
    fn is_forced(&self) -> bool {
        matches!(self.force.as_deref(), Some("true" | "1"))
    }
}

/// `DELETE /v1/buckets/{id}`: what belongs to it first and its own record last, so that whatever
/// stops in between leaves a bucket that can be deleted again.
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    At(id): At<BucketId>,
    Query(how): Query<How>,
) -> Result<Response, Error> {
    let directory = api.directory();
    let bucket = own::bucket(directory, &caller, id)?.record;
    let is_empty = directory.inputs_of(id).is_empty() && directory.outputs_of(id).is_empty();
    if !is_empty && !how.is_forced() {
        return Err(Error::Precondition("bucket has inputs or outputs; delete them, or use ?force=true".to_owned()));
    }
    delete_whole(&api.by(&caller), &bucket).await?;
    Ok(Json(Deleted::new(id)).into_response())
}

/// Deletes a bucket and what belongs to it.
pub(super) async fn delete_whole(directory: &Directory, bucket: &Bucket) -> Result<(), Error> {
    delete_parts(directory, bucket.id).await?;
    write::delete(directory, bucket).await?;
    // What was made meanwhile, by somebody who still saw the bucket.
    delete_parts(directory, bucket.id).await
}

fn shown(api: &Api, bucket: &Bucket) -> Response {
    let attached = Attached::of(api.directory(), bucket.account);
    Json(Parts::of(api, &attached, bucket.id).show(api, bucket)).into_response()
}

/// A bucket inside of something else.
pub(super) fn json(api: &Api, bucket: &Bucket) -> Option<Value> {
    let attached = Attached::of(api.directory(), bucket.account);
    serde_json::to_value(Parts::of(api, &attached, bucket.id).show(api, bucket)).ok()
}

/// What of an account is attached to buckets.
struct Attached {
    crons: HashMap<BucketId, CronId>,
    integrations: HashMap<BucketId, Vec<Arc<Integration>>>,
}

impl Attached {
    fn of(directory: &Directory, account: AccountId) -> Self {
        let crons = directory.crons().into_iter().filter(|cron| cron.record.account == account);
        let mut integrations: HashMap<_, Vec<_>> = HashMap::new();
        for integration in directory.integrations() {
            for bucket in integration.record.buckets.iter().filter(|_| integration.record.account == account) {
                integrations.entry(*bucket).or_default().push(Arc::clone(&integration.record));
            }
        }
        Self { crons: crons.map(|cron| (cron.record.bucket, cron.record.id)).collect(), integrations }
    }
}

/// What is shown with a bucket, held while it is shown.
struct Parts<'a> {
    inputs: Vec<Versioned<Input>>,
    outputs: Vec<Versioned<Output>>,
    integrations: &'a [Arc<Integration>],
    cron: Option<CronId>,
}

impl<'a> Parts<'a> {
    fn of(api: &Api, attached: &'a Attached, bucket: BucketId) -> Self {
        let directory = api.directory();
        Self {
            inputs: directory.inputs_of(bucket),
            outputs: directory.outputs_of(bucket),
            integrations: attached.integrations.get(&bucket).map(Vec::as_slice).unwrap_or_default(),
            cron: attached.crons.get(&bucket).copied(),
        }
    }

    fn show<'b>(&'b self, api: &Api, bucket: &'b Bucket) -> shape::bucket::Bucket<'b> {
        let inputs = self.inputs.iter().map(|input| shape::input::Input::new(&input.record, api.public_url()));
        let outputs = self.outputs.iter().map(|output| shape::output::Output::new(&output.record, self.cron));
        let integrations =
            self.integrations.iter().map(|integration| shape::integration::Integration::without_secrets(integration));
        let related = shape::bucket::Related {
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            integrations: integrations.collect(),
            cron: self.cron,
        };
        shape::bucket::Bucket::new(bucket, related)
    }
}

async fn delete_parts(directory: &Directory, bucket: BucketId) -> Result<(), Error> {
    let unopened = directory.unopened_of(bucket).into_iter();
    in_parallel(unopened.map(|key| async move { Ok(directory.delete(&key).await?) })).await?;
    let crons = directory.crons().into_iter().filter(|cron| cron.record.bucket == bucket);
    in_parallel(crons.map(|cron| async move { Ok(directory.delete(&cron.record.key()).await?) })).await?;
    let groups = directory.groups().into_iter().filter(|group| group.record.bucket == bucket);
    in_parallel(groups.map(|group| async move { Ok(directory.delete(&group.record.key()).await?) })).await?;
    let outputs = directory.outputs_of(bucket).into_iter();
    in_parallel(outputs.map(|output| async move { write::delete(directory, output.record.as_ref()).await })).await?;
    let inputs = directory.inputs_of(bucket).into_iter();
    in_parallel(inputs.map(|input| async move { write::delete(directory, input.record.as_ref()).await })).await
}

async fn in_parallel(deletions: impl Iterator<Item = impl Future<Output = Result<(), Error>>>) -> Result<(), Error> {
    stream::iter(deletions).buffer_unordered(DELETIONS_MAX).try_collect().await
}
