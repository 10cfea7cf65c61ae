//! The first account and its token, made when there is none.
//!
//! Several copies may start at once: whoever writes the account makes the token. The account has
//! the same id everywhere, so the store itself decides who was first. If that copy dies before the
//! token is made, another one makes it after a wait.

use std::num::NonZeroUsize;
use std::time::{Duration, SystemTime};

use crypto::{Secret, token};
use model::record::{Account, Token};
use model::{AccountId, TokenId, UnixMs};
use store::directory::{Key, Versioned};
use store::{Error as StoreError, Store};
use tokio::sync::broadcast::error::RecvError;
use tokio::time;
use tracing::info;
use uuid::Uuid;

use crate::Error;
use crate::budget::{Asker, Budget};
use crate::service;

/// The shortest secret that an operator may choose: what is not generated can be guessed.
pub const SECRET_BYTES_MIN: usize = 16;

/// How long the token of an account that another copy has made is waited for.
const TOKEN_WAIT_MAX: Duration = Duration::from_secs(10);

/// How often it is tried again when another copy does the same at the same time.
const TRIES_MAX: usize = 5;

/// The admin account and a token of it.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The account.
    pub account: AccountId,
    /// The key of the token.
    pub key: TokenId,
    /// The secret of the token: what was given, or what was made just now and is not kept.
    /// `None` if the token was there before.
    pub secret: Option<Secret>,
}

/// The id of the admin account: the same in every installation, and no secret.
pub fn account_id() -> AccountId {
    AccountId(Uuid::new_v5(&Uuid::NAMESPACE_OID, b"relay admin account"))
}

/// Makes sure that there is an admin account and that it has a token, and returns both.
///
/// With `given`, the token has that key and secret afterwards, also if it had another secret before;
/// sessions of the earlier secret then end. Without, a token is made unless the account has one.
/// Needs a store that is being driven, and waits until its directory was loaded. May be called any
/// number of times, by any number of copies.
///
/// # Errors
/// [`Error::SecretTooShort`] and [`Error::Crypto`] (too long) for the given secret,
/// [`Error::KeyTaken`] for the given key; [`Error::Store`].
pub async fn ensure_admin(store: &Store, given: Option<(TokenId, Secret)>) -> Result<Admin, Error> {
    store.directory().loaded().await;
    let budget = Budget::new(NonZeroUsize::MIN);
    match given {
        Some((key, secret)) => {
            check_length(&secret)?;
            ensure_account(store).await?;
            ensure_given(store, &budget, key, &secret).await?;
            Ok(Admin { account: account_id(), key, secret: Some(secret) })
        }
        None => {
            let first = ensure_account(store).await?;
            ensure_any(store, &budget, first).await
        }
    }
}

fn check_length(secret: &Secret) -> Result<(), Error> {
    let bytes = secret.expose().len();
    if bytes < SECRET_BYTES_MIN {
        return Err(Error::SecretTooShort { bytes, bytes_min: SECRET_BYTES_MIN });
    }
    Ok(())
}

/// Returns whether the account was made by this call.
async fn ensure_account(store: &Store) -> Result<bool, Error> {
    let account = Account { id: account_id(), created_at: UnixMs::from(SystemTime::now()) };
    match store.directory().create(&account).await {
        Ok(_) => Ok(true),
        Err(StoreError::Exists) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn ensure_given(store: &Store, budget: &Budget, key: TokenId, secret: &Secret) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        match try_given(store, budget, key, secret).await {
            // Another copy does the same; what it left undone is done in the next round.
            Err(Error::Store(StoreError::Exists | StoreError::Conflict)) if tries < TRIES_MAX => tries += 1,
            other => return other,
        }
    }
}

async fn try_given(store: &Store, budget: &Budget, key: TokenId, secret: &Secret) -> Result<(), Error> {
    let token = store.directory().token(key);
    if token.as_ref().is_some_and(|token| token.record.account != account_id()) {
        return Err(Error::KeyTaken);
    }
    let changed = ensure_hash(store, budget, key, secret).await?;
    match token {
        None => {
            let token = Token { description: "admin".to_owned(), ..service::new_token(key, account_id()) };
            store.directory().create(&token).await?;
            info!(token = %key, "made the token of the admin");
        }
        Some(token) if changed || !token.record.active => renew(store, &token).await?,
        Some(_) => {}
    }
    Ok(())
}

/// Returns whether the key had no hash, or that of another secret.
async fn ensure_hash(store: &Store, budget: &Budget, key: TokenId, secret: &Secret) -> Result<bool, Error> {
    if let Some(hash) = store.credentials().hash(key).await? {
        let presented = secret.clone();
        let place = budget.place(Asker::Known)?;
        if budget.run(place, move || token::verify(&presented, &hash)).await?? {
            return Ok(false);
        }
        store.credentials().delete_hash(key).await?;
    }
    service::keep_hash(store, budget, key, secret).await?;
    Ok(true)
}

/// Makes the token active, in a new generation.
async fn renew(store: &Store, token: &Versioned<Token>) -> Result<(), Error> {
    let now = UnixMs::from(SystemTime::now());
    let generation = token.record.generation.saturating_add(1).max(now.0);
    let renewed = Token { active: true, generation, updated_at: now, ..token.record.as_ref().clone() };
    store.directory().update(&renewed, token.revision).await?;
    info!(token = %renewed.id, "changed the secret of the admin");
    Ok(())
}

async fn ensure_any(store: &Store, budget: &Budget, first: bool) -> Result<Admin, Error> {
    if !first && let Some(key) = other_copys_token(store).await {
        return Ok(Admin { account: account_id(), key, secret: None });
    }
    let secret = token::generate()?;
    let key = TokenId(Uuid::new_v4());
    let token = Token { description: "admin".to_owned(), ..service::new_token(key, account_id()) };
    service::create(store, budget, &token, &secret, None).await?;
    info!(token = %key, "made the token of the admin");
    Ok(Admin { account: account_id(), key, secret: Some(secret) })
}

/// The oldest token of the account; if there is none yet, waits for one.
async fn other_copys_token(store: &Store) -> Option<TokenId> {
    let mut changes = store.directory().changes();
    let appears = async {
        loop {
            let oldest = store.directory().tokens_of(account_id()).into_iter().next();
            if let Some(token) = oldest {
                return Some(token.record.id);
            }
            loop {
                match changes.recv().await {
                    Ok(Key::Token(_)) | Err(RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        }
    };
    time::timeout(TOKEN_WAIT_MAX, appears).await.ok().flatten()
}
