//! Hashes of token secrets, and the key that signs session tokens: what only `auth` may read.

use async_nats::jetstream::{Context, kv};
use bytes::Bytes;
use crypto::seal::Kind;
use model::TokenId;
use zeroize::Zeroizing;

use crate::Error;
use crate::keyring::{Keyring, Scope};
use crate::layout;

const SIGNER: &str = "signer";

/// The credentials. NATS lets only the user of `auth` at them.
pub struct Credentials {
    context: Context,
    keyring: Keyring,
}

impl Credentials {
    pub(crate) fn new(context: Context, keyring: Keyring) -> Self {
        Self { context, keyring }
    }

    /// The hash of a token's secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`].
    pub async fn hash(&self, token: TokenId) -> Result<Option<String>, Error> {
        let opened = self.get(&key_of(token), Kind::Record).await?;
        opened.map(|b| String::from_utf8(b.to_vec()).map_err(|e| Error::unreadable("a hash", e))).transpose()
    }

    /// Keeps the hash of a new token's secret.
    ///
    /// # Errors
    /// [`Error::Exists`] when the token has one; [`Error::Unavailable`].
    pub async fn create_hash(&self, token: TokenId, hash: &str) -> Result<(), Error> {
        self.create(&key_of(token), Kind::Record, hash.as_bytes()).await
    }

    /// Forgets the hash of a token's secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_hash(&self, token: TokenId) -> Result<(), Error> {
        self.kv().await?.purge(key_of(token)).await.map_err(|e| Error::unavailable("forget a hash", e))
    }

    /// The secret bytes of the signing key; wiped when dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Sealed`].
    pub async fn signer(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        // It was opened in a buffer that is nobody else's, which is taken over and not copied.
        Ok(self.get(SIGNER, Kind::Signer).await?.map(|bytes| Zeroizing::new(Vec::from(bytes))))
    }

    /// Keeps the signing key.
    ///
    /// # Errors
    /// [`Error::Exists`] when another process was first; [`Error::Unavailable`].
    pub async fn create_signer(&self, secret: &[u8]) -> Result<(), Error> {
        self.create(SIGNER, Kind::Signer, secret).await
    }

    async fn get(&self, key: &str, kind: Kind) -> Result<Option<Bytes>, Error> {
        let value = self.kv().await?.get(key).await.map_err(|e| Error::unavailable("read a credential", e))?;
        match value {
            Some(sealed) => self.keyring.open(Scope::System, kind, key.as_bytes(), sealed).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(&self, key: &str, kind: Kind, plaintext: &[u8]) -> Result<(), Error> {
        let sealed = self.keyring.seal(Scope::System, kind, key.as_bytes(), plaintext)?;
        match self.kv().await?.create(key, sealed).await {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == kv::CreateErrorKind::AlreadyExists => Err(Error::Exists),
            Err(e) => Err(Error::unavailable("keep a credential", e)),
        }
    }

    /// Opened at each use: processes of other roles must not even try.
    async fn kv(&self) -> Result<kv::Store, Error> {
        let opened = self.context.get_key_value(layout::CREDENTIAL).await;
        opened.map_err(|e| Error::unavailable("open the credentials", e))
    }
}

fn key_of(token: TokenId) -> String {
    format!("token.{}", token.0.simple())
}
