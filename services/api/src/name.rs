//! Names that only one thing at a time may bear.
//!
//! Who wants a name claims it first: of two writers, one gets it. The claim goes when the thing is
//! deleted or renamed. A process that dies in between leaves a claim that nobody bears; it is taken
//! over after a while. That wait, and not the claim, is where two could end up with one name, so
//! whoever made something looks once more, and the later one gives way.

use std::time::Duration;

use model::{AccountId, BucketId};
use store::directory::Directory;
use tokio::time::Instant;
use uuid::Uuid;

use crate::error::Error;

/// How long a claim may be held before its bearer is seen; it is taken for left behind after that.
const CLAIM_MAX: Duration = Duration::from_secs(2);
/// How often the bearer of a claimed name is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What names the same kind of thing in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// The buckets of an account.
    Buckets(AccountId),
    /// The inputs of a bucket.
    Inputs(AccountId, BucketId),
    /// The outputs of a bucket.
    Outputs(AccountId, BucketId),
    /// The domains of all accounts.
    Domains,
}

impl Space {
    /// Takes a name for something that does not bear it yet.
    ///
    /// # Errors
    /// [`Error::Precondition`] when something bears it or is about to; [`Error::Unavailable`].
    pub(crate) async fn take(self, directory: &Directory, name: &str) -> Result<(), Error> {
        let deadline = Instant::now() + CLAIM_MAX;
        loop {
            if !self.bearers(directory, name).is_empty() {
                return Err(self.taken(name));
            }
            match directory.claim(self.account(), &self.kind(), name).await {
                Ok(()) => return Ok(()),
                Err(store::Error::Exists) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                Err(store::Error::Exists) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.give_back(directory, name).await?;
        match directory.claim(self.account(), &self.kind(), name).await {
            Err(store::Error::Exists) => Err(self.taken(name)),
            other => Ok(other?),
        }
    }

    /// Gives a name back. One that was not taken stays so.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) async fn give_back(self, directory: &Directory, name: &str) -> Result<(), Error> {
        Ok(directory.release(self.account(), &self.kind(), name).await?)
    }

    /// Says that the name is taken when something other than `id` bears it too.
    ///
    /// # Errors
    /// [`Error::Precondition`].
    pub(crate) fn check_alone(self, directory: &Directory, name: &str, id: Uuid) -> Result<(), Error> {
        match self.bearers(directory, name).iter().any(|bearer| *bearer != id) {
            false => Ok(()),
            true => Err(self.taken(name)),
        }
    }

    fn bearers(self, directory: &Directory, name: &str) -> Vec<Uuid> {
        match self {
            Self::Buckets(account) => {
                let all = directory.buckets_of(account).into_iter();
                all.filter(|bucket| bucket.record.name.as_str() == name).map(|bucket| bucket.record.id.0).collect()
            }
            Self::Inputs(_, bucket) => {
                let all = directory.inputs_of(bucket).into_iter();
                all.filter(|input| input.record.name == name).map(|input| input.record.id.0).collect()
            }
            Self::Outputs(_, bucket) => {
                let all = directory.outputs_of(bucket).into_iter();
                all.filter(|output| output.record.name == name).map(|output| output.record.id.0).collect()
            }
            Self::Domains => {
                let all = directory.domains().into_iter();
                all.filter(|domain| domain.record.domain == name).map(|domain| domain.record.id.0).collect()
            }
        }
    }

    fn taken(self, name: &str) -> Error {
        let noun = match self {
            Self::Buckets(_) => "bucket",
            Self::Inputs(..) => "input",
            Self::Outputs(..) => "output",
            Self::Domains => "domain",
        };
        Error::Precondition(format!("{noun} with name '{name}' already exists"))
    }

    fn account(self) -> AccountId {
        match self {
            Self::Buckets(account) | Self::Inputs(account, _) | Self::Outputs(account, _) => account,
            // Nobody's: what they share is not of one account.
            Self::Domains => AccountId(Uuid::nil()),
        }
    }

    fn kind(self) -> String {
        match self {
            Self::Buckets(_) => "bucket".to_owned(),
            Self::Inputs(_, bucket) => format!("input.{}", bucket.0.simple()),
            Self::Outputs(_, bucket) => format!("output.{}", bucket.0.simple()),
            Self::Domains => "domain".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
