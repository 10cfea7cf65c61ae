//! How records are made, changed and deleted: the same way for all of them.

use std::time::{Duration, SystemTime};

use model::UnixMs;
use model::record::{Bucket, Cron, Domain, Input, Integration, Output, Token};
use store::directory::{Directory, Record, Versioned};
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::Error;
use crate::name::Space;

/// How often a change is tried again when others change the same record.
const TRIES: u32 = 8;
/// The wait before that, for the other change to be seen here.
const TRY_WAIT: Duration = Duration::from_millis(25);

/// A record that says when it was last changed.
pub(crate) trait Dated: Record + Clone + PartialEq {
    /// Says that it was changed now.
    fn set_updated_at(&mut self, now: UnixMs);
}

/// A record with a name that it shares with no other of its space.
pub(crate) trait Named: Dated {
    /// Its id.
    fn id(&self) -> Uuid;
    /// Its name.
    fn name(&self) -> &str;
    /// Where the name is its own.
    fn space(&self) -> Space;
    /// Complains when the bucket that it belongs to is gone.
    fn check_home(&self, directory: &Directory) -> Result<(), Error>;
}

/// The present moment.
pub(crate) fn now() -> UnixMs {
    SystemTime::now().into()
}

/// Writes a new record under a name that nobody has.
///
/// # Errors
/// [`Error::Precondition`] when the name is taken; [`Error::NotFound`] when its bucket was deleted
/// meanwhile; [`Error::Unavailable`].
pub(crate) async fn create<T: Named>(directory: &Directory, record: &T) -> Result<(), Error> {
    record.space().take(directory, record.name()).await?;
    if let Err(error) = directory.create(record).await {
        // Without its bucket there is no key to seal it with.
        record.check_home(directory)?;
        return Err(error.into());
    }
    let stays =
        record.check_home(directory).and_then(|()| record.space().check_alone(directory, record.name(), record.id()));
    if let Err(error) = stays {
        directory.delete(&record.key()).await?;
        return Err(error);
    }
    info!(record = %record.key(), "a record was made");
    Ok(())
}

/// Changes a record that may get a new name by it.
///
/// # Errors
/// Those of [`swap`], and [`Error::Precondition`] when the new name is taken.
pub(crate) async fn update<T: Named>(
    directory: &Directory,
    new_name: Option<&str>,
    read: impl Fn() -> Result<Versioned<T>, Error>,
    change: impl Fn(&mut T) -> Result<(), Error>,
) -> Result<T, Error> {
    let before = read()?.record;
    let Some(new_name) = new_name.filter(|name| *name != before.name()) else {
        return swap(directory, read, change).await;
    };
    // A name is not claimed for a change that will be refused.
    change(&mut before.as_ref().clone())?;
    before.space().take(directory, new_name).await?;
    let changed = swap(directory, read, change).await;
    let unused = if changed.is_ok() { before.name() } else { new_name };
    give_back(directory, before.space(), unused).await;
    changed
}

/// Deletes a record and frees its name.
///
/// # Errors
/// [`Error::Unavailable`].
pub(crate) async fn delete<T: Named>(directory: &Directory, record: &T) -> Result<(), Error> {
    directory.delete(&record.key()).await?;
    info!(record = %record.key(), "a record was deleted");
    give_back(directory, record.space(), record.name()).await;
    Ok(())
}

/// Reads a record, changes it, and writes it if nobody else did meanwhile; otherwise again from the
/// start. Returns the record as it is then. What does not change is not written.
///
/// # Errors
/// Those of `read` and `change`; [`Error::Contended`] after [`TRIES`]; [`Error::Unavailable`].
pub(crate) async fn swap<T: Dated>(
    directory: &Directory,
    read: impl Fn() -> Result<Versioned<T>, Error>,
    change: impl Fn(&mut T) -> Result<(), Error>,
) -> Result<T, Error> {
    for _ in 0..TRIES {
        let current = read()?;
        let mut changed = current.record.as_ref().clone();
        change(&mut changed)?;
        if changed == *current.record {
            return Ok(changed);
        }
        changed.set_updated_at(now());
        match directory.update(&changed, current.revision).await {
            Ok(_) => {
                info!(record = %changed.key(), "a record was changed");
                return Ok(changed);
            }
            Err(store::Error::Conflict) => tokio::time::sleep(TRY_WAIT).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Contended)
}

/// What was asked for is done by now; a name that stays claimed is taken over by whoever wants it next.
async fn give_back(directory: &Directory, space: Space, name: &str) {
    if let Err(error) = space.give_back(directory, name).await {
        warn!(error = error.for_operator(), "a name that nobody bears stays claimed for now");
    }
}

impl Dated for Bucket {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Dated for Input {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Dated for Output {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Dated for Token {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Dated for Domain {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Dated for Cron {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Dated for Integration {
    fn set_updated_at(&mut self, now: UnixMs) {
        self.updated_at = now;
    }
}

impl Named for Bucket {
    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn space(&self) -> Space {
        Space::Buckets(self.account)
    }

    fn check_home(&self, _: &Directory) -> Result<(), Error> {
        Ok(())
    }
}

impl Named for Input {
    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn space(&self) -> Space {
        Space::Inputs(self.account, self.bucket)
    }

    fn check_home(&self, directory: &Directory) -> Result<(), Error> {
        directory.bucket(self.bucket).map(drop).ok_or(Error::NotFound("bucket"))
    }
}

impl Named for Output {
    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn space(&self) -> Space {
        Space::Outputs(self.account, self.bucket)
    }

    fn check_home(&self, directory: &Directory) -> Result<(), Error> {
        directory.bucket(self.bucket).map(drop).ok_or(Error::NotFound("bucket"))
    }
}

impl Named for Domain {
    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        &self.domain
    }

    fn space(&self) -> Space {
        Space::Domains
    }

    fn check_home(&self, _: &Directory) -> Result<(), Error> {
        Ok(())
    }
}
