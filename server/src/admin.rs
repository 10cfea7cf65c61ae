//! The first credentials: given by the operator, or made and left in the data directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use crypto::{Secret, token};
use model::TokenId;
use serde::{Deserialize, Serialize};
use store::Store;
use store::directory::Key;
use uuid::Uuid;

use crate::data_dir::write_private;
use crate::options::Admin;

/// The file, mode 0600, in the data directory.
pub const FILE: &str = "admin.json";

/// The wait before the token is tried again when the store was not available.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// What stands in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credentials {
    /// Where the server is called, without a slash at the end.
    pub url: String,
    /// The key of the token.
    pub key: TokenId,
    /// Its secret.
    #[serde(with = "crypto::secret::exposed")]
    pub secret: Secret,
}

/// Where the first credentials are.
#[derive(Debug)]
pub enum First {
    /// The operator gave them.
    Given,
    /// They were made just now, and stand in this file.
    Made(PathBuf, Credentials),
    /// They were made earlier; this file has them if it is there.
    Earlier(PathBuf),
}

/// Sees to it that there is an admin account with a token.
///
/// Where none is given and the account has no token, one is made. It is written to the file before
/// the store knows it, so that a crash in between leaves credentials that the next start makes good,
/// and never a token whose secret is lost. What somebody has revoked is not made good: another one
/// takes its place.
///
/// # Errors
/// Where the file cannot be read or written, or what was given is refused.
pub async fn ensure(store: &Store, given: Option<Admin>, data_dir: &Path, url: &str) -> anyhow::Result<First> {
    if let Some(Admin { key, secret }) = given {
        ensure_token(store, key, &secret).await?;
        return Ok(First::Given);
    }
    let path = data_dir.join(FILE);
    store.directory().loaded().await;
    if !store.directory().tokens_of(auth::admin::account_id()).is_empty() {
        note_url(&path, url)?;
        return Ok(First::Earlier(path));
    }
    let credentials = match read(&path)? {
        Some(credentials) if !was_revoked(store, credentials.key).await? => {
            Credentials { url: url.to_owned(), ..credentials }
        }
        Some(_) | None => Credentials {
            url: url.to_owned(),
            key: TokenId(Uuid::new_v4()),
            secret: token::generate().context("make the admin token")?,
        },
    };
    write(&path, &credentials)?;
    ensure_token(store, credentials.key, &credentials.secret).await?;
    Ok(First::Made(path, credentials))
}

/// Gives the admin account this token. A store that is not available, as one whose disk is slow, is
/// tried again for as long as it takes.
async fn ensure_token(store: &Store, key: TokenId, secret: &Secret) -> anyhow::Result<()> {
    loop {
        match auth::admin::ensure_admin(store, Some((key, secret.clone()))).await {
            Ok(_) => return Ok(()),
            Err(auth::Error::Store(error @ store::Error::Unavailable { .. })) => wait_after(&error).await,
            Err(error) => return Err(error).context("set up the admin token"),
        }
    }
}

async fn was_revoked(store: &Store, key: TokenId) -> anyhow::Result<bool> {
    loop {
        match store.directory().was_deleted(&Key::Token(key)).await {
            Err(error @ store::Error::Unavailable { .. }) => wait_after(&error).await,
            other => return other.context("look for the admin token"),
        }
    }
}

async fn wait_after(error: &store::Error) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "the admin token cannot be set up; trying again");
    tokio::time::sleep(RETRY_WAIT).await;
}

/// A server that has moved to another address says so in the file.
fn note_url(path: &Path, url: &str) -> anyhow::Result<()> {
    match read(path)? {
        Some(credentials) if credentials.url != url => write(path, &Credentials { url: url.to_owned(), ..credentials }),
        Some(_) | None => Ok(()),
    }
}

fn read(path: &Path) -> anyhow::Result<Option<Credentials>> {
    match fs::read(path) {
        Ok(json) => {
            let read = serde_json::from_slice(&json).with_context(|| format!("read {}", path.display()))?;
            Ok(Some(read))
        }
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("read {}", path.display())),
    }
}

fn write(path: &Path, credentials: &Credentials) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(credentials)?;
    json.push(b'\n');
    write_private(path, &json).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests;
