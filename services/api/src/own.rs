//! Finds what belongs to a caller. What belongs to others is not there, and neither is what lies
//! outside of the caller's scopes.

use model::record::{Bucket, Input, Output, Token};
use model::{BucketId, InputId, OutputId, TokenId};
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
