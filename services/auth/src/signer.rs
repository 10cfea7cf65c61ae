//! The key that signs session tokens: one for all copies of this service.

use crypto::session::{PublicKey, Signer};
use store::{Error as StoreError, Store};
use tracing::info;

use crate::Error;

/// Returns the signing key, after its public half is in the directory. The first copy that asks
/// makes it; if several ask at once, all return the same one.
pub(crate) async fn obtain(store: &Store) -> Result<Signer, Error> {
    let signer = match read(store).await? {
        Some(signer) => signer,
        None => create(store).await?,
    };
    publish(store, signer.public_key()).await?;
    Ok(signer)
}

async fn read(store: &Store) -> Result<Option<Signer>, Error> {
    match store.credentials().signer().await? {
        Some(bytes) => Ok(Some(Signer::from_secret_bytes(&bytes)?)),
        None => Ok(None),
    }
}

async fn create(store: &Store) -> Result<Signer, Error> {
    let signer = Signer::generate()?;
    match store.credentials().create_signer(signer.to_secret_bytes().as_slice()).await {
        Ok(()) => {
            info!(signer = %signer.id(), "made the key that signs session tokens");
            Ok(signer)
        }
        // Another copy was first; its key is the one.
        Err(StoreError::Exists) => read(store).await?.ok_or_else(|| StoreError::Conflict.into()),
        Err(error) => Err(error.into()),
    }
}

async fn publish(store: &Store, key: PublicKey) -> Result<(), Error> {
    match store.directory().create(&key).await {
        Ok(_) | Err(StoreError::Exists) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
