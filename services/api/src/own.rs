//! Finds what belongs to a caller. What belongs to others is not there, and neither is what lies
//! outside of the caller's scopes.

use model::record::{Bucket, Cron, Domain, Input, Integration, Output, Token};
use model::{AccountId, BucketId, CronId, DomainId, InputId, IntegrationId, OutputId, TokenId};
use store::directory::{Directory, Versioned};

use crate::auth::Caller;
use crate::error::Error;

/// The buckets of a caller, oldest first.
pub(crate) fn buckets(directory: &Directory, caller: &Caller) -> Vec<Versioned<Bucket>> {
    let mut buckets = directory.buckets_of(caller.account());
    buckets.retain(|bucket| caller.sees(&bucket.record));
    buckets
}

/// A bucket of a caller.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn bucket(directory: &Directory, caller: &Caller, id: BucketId) -> Result<Versioned<Bucket>, Error> {
    directory.bucket(id).filter(|bucket| caller.sees(&bucket.record)).ok_or(Error::NotFound("bucket"))
}

/// An input of a bucket of a caller.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn input(
    directory: &Directory,
    caller: &Caller,
    (bucket_id, id): (BucketId, InputId),
) -> Result<Versioned<Input>, Error> {
    bucket(directory, caller, bucket_id)?;
    directory.input(id).filter(|input| input.record.bucket == bucket_id).ok_or(Error::NotFound("input"))
}

/// Every input of an account, in no order.
pub(crate) fn inputs(directory: &Directory, account: AccountId) -> Vec<Versioned<Input>> {
    let buckets = directory.buckets_of(account).into_iter();
    buckets.flat_map(|bucket| directory.inputs_of(bucket.record.id)).collect()
}

/// An output of a bucket of a caller.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn output(
    directory: &Directory,
    caller: &Caller,
    (bucket_id, id): (BucketId, OutputId),
) -> Result<Versioned<Output>, Error> {
    bucket(directory, caller, bucket_id)?;
    directory.output(id).filter(|output| output.record.bucket == bucket_id).ok_or(Error::NotFound("output"))
}

/// A token of the caller's account.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn token(directory: &Directory, caller: &Caller, id: TokenId) -> Result<Versioned<Token>, Error> {
    let token = directory.token(id).filter(|token| token.record.account == caller.account());
    token.ok_or(Error::NotFound("token"))
}

/// The domains of the caller's account, oldest first.
pub(crate) fn domains(directory: &Directory, caller: &Caller) -> Vec<Versioned<Domain>> {
    let mut domains = directory.domains();
    domains.retain(|domain| domain.record.account == caller.account());
    domains.sort_by_key(|domain| (domain.record.created_at, domain.record.id));
    domains
}

/// A domain of the caller's account.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn domain(directory: &Directory, caller: &Caller, id: DomainId) -> Result<Versioned<Domain>, Error> {
    let domain = directory.domain(id).filter(|domain| domain.record.account == caller.account());
    domain.ok_or(Error::NotFound("domain"))
}

/// The crons of the caller's account, oldest first.
pub(crate) fn crons(directory: &Directory, caller: &Caller) -> Vec<Versioned<Cron>> {
    let mut crons = directory.crons();
    crons.retain(|cron| cron.record.account == caller.account());
    crons.sort_by_key(|cron| (cron.record.created_at, cron.record.id));
    crons
}

/// A cron of the caller's account.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn cron(directory: &Directory, caller: &Caller, id: CronId) -> Result<Versioned<Cron>, Error> {
    let cron = directory.cron(id).filter(|cron| cron.record.account == caller.account());
    cron.ok_or(Error::NotFound("cron"))
}

/// The integrations of the caller's account, oldest first.
pub(crate) fn integrations(directory: &Directory, caller: &Caller) -> Vec<Versioned<Integration>> {
    let mut integrations = directory.integrations();
    integrations.retain(|integration| integration.record.account == caller.account());
    integrations.sort_by_key(|integration| (integration.record.created_at, integration.record.id));
    integrations
}

/// An integration of the caller's account.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) fn integration(
    directory: &Directory,
    caller: &Caller,
    id: IntegrationId,
) -> Result<Versioned<Integration>, Error> {
    let integration = directory.integration(id).filter(|integration| integration.record.account == caller.account());
    integration.ok_or(Error::NotFound("integration"))
}
