//! The outputs of a bucket.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::record::Output as Record;
use model::rules::Rules;
use model::{BucketId, CronId, OutputId};
use store::directory::{Directory, Record as _};
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::Error;
use crate::limits::{OUTPUTS_PER_BUCKET_MAX, check_room};
use crate::request::{At, Body};
use crate::shape::Deleted;
use crate::shape::output::{self as shape, Change, Output};
use crate::{Api, own, write};

/// `GET /v1/buckets/{id}/outputs`
pub(super) async fn list(State(api): State<Api>, caller: Caller, At(bucket): At<BucketId>) -> Result<Response, Error> {
    own::bucket(api.directory(), &caller, bucket)?;
    let outputs = api.directory().outputs_of(bucket);
    let cron = cron_of(api.directory(), bucket);
    let shown: Vec<_> = outputs.iter().map(|output| Output::new(&output.record, cron)).collect();
    Ok(Json(shown).into_response())
}

/// `POST /v1/buckets/{id}/outputs`
pub(super) async fn create(
    State(api): State<Api>,
    caller: Caller,
    At(bucket): At<BucketId>,
    body: Body,
) -> Result<Response, Error> {
    let bucket = own::bucket(api.directory(), &caller, bucket)?.record;
    let output = shape::read_new(&body.fields()?, &bucket, OutputId(Uuid::new_v4()), write::now())?;
    check_room(api.directory().outputs_of(bucket.id).len(), OUTPUTS_PER_BUCKET_MAX, "outputs in this bucket")?;
    write::create(&api.by(&caller), &output).await?;
    Ok((StatusCode::CREATED, Json(show(&api, &output))).into_response())
}

/// `GET /v1/buckets/{id}/outputs/{output}`
pub(super) async fn get(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, OutputId)>,
) -> Result<Response, Error> {
    let output = own::output(api.directory(), &caller, ids)?.record;
    Ok(Json(show(&api, &output)).into_response())
}

/// `PUT /v1/buckets/{id}/outputs/{output}`
pub(super) async fn update(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, OutputId)>,
    body: Body,
) -> Result<Response, Error> {
    let read = || own::output(api.directory(), &caller, ids);
    read()?;
    let change = Change::read(&body.fields()?)?;
    let apply = |output: &mut Record| change.apply(output);
    let output = write::update(&api.by(&caller), change.name(), read, apply).await?;
    Ok(Json(show(&api, &output)).into_response())
}

/// `PUT /v1/buckets/{id}/outputs/{output}/rules`: the tree of rules and nothing around it.
pub(super) async fn set_rules(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, OutputId)>,
    body: Body,
) -> Result<Response, Error> {
    own::output(api.directory(), &caller, ids)?;
    let rules = shape::read_rules(&body.json()?)?;
    put_rules(&api, &caller, ids, &rules).await
}

/// `DELETE /v1/buckets/{id}/outputs/{output}/rules`: everything is delivered from then on.
pub(super) async fn clear_rules(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, OutputId)>,
) -> Result<Response, Error> {
    put_rules(&api, &caller, ids, &Rules::default()).await
}

async fn put_rules(api: &Api, caller: &Caller, ids: (BucketId, OutputId), rules: &Rules) -> Result<Response, Error> {
    let apply = |output: &mut Record| {
        output.rules = shape::kept(rules);
        Ok(())
    };
    let output = write::swap(&api.by(caller), || own::output(api.directory(), caller, ids), apply).await?;
    Ok(Json(show(api, &output)).into_response())
}

/// `DELETE /v1/buckets/{id}/outputs/{output}`: its groups first, so that whatever stops in between
/// leaves an output that can be deleted again.
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    At(ids): At<(BucketId, OutputId)>,
) -> Result<Response, Error> {
    let output = own::output(api.directory(), &caller, ids)?.record;
    delete_groups(api.directory(), output.id).await?;
    write::delete(&api.by(&caller), output.as_ref()).await?;
    // What attached meanwhile.
    delete_groups(api.directory(), output.id).await?;
    Ok(Json(Deleted::new(output.id)).into_response())
}

async fn delete_groups(directory: &Directory, output: OutputId) -> Result<(), Error> {
    for group in directory.groups().into_iter().filter(|group| group.record.output == output) {
        directory.delete(&group.record.key()).await?;
    }
    Ok(())
}

/// The cron that a bucket was made with.
fn cron_of(directory: &Directory, bucket: BucketId) -> Option<CronId> {
    let crons = directory.crons();
    crons.iter().find(|cron| cron.record.bucket == bucket).map(|cron| cron.record.id)
}

fn show<'a>(api: &Api, output: &'a Record) -> Output<'a> {
    Output::new(output, cron_of(api.directory(), output.bucket))
}
