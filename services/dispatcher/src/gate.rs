//! Who may open a session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::session::{self, Audience};
use crypto::{Secret, api_key};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use model::{AccountId, TokenId, UnixMs};
use store::Store;
use store::verification::{Answer, Question};
use tonic::{Code, Status};
use tracing::warn;

use crate::clock;
use crate::hub::Hub;

/// The longest `authorization` value that is looked at, in bytes.
const AUTHORIZATION_BYTES_MAX: usize = 2048;

/// Whose session it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) account: AccountId,
    pub(crate) token: TokenId,
    /// The token's generation when it was verified; a later one ends the session.
    pub(crate) generation: u64,
    /// The session token, when one was given with the verification.
    pub(crate) session_token: Option<(Secret, UnixMs)>,
}

/// Checks the credentials in the headers of a request.
///
/// # Errors
/// `UNAUTHENTICATED` when they are missing or not good; `UNAVAILABLE` when nobody can say.
pub(crate) async fn admit(store: &Store, headers: &HeaderMap) -> Result<Identity, Status> {
    let value = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if value.len() > AUTHORIZATION_BYTES_MAX {
        return Err(refused());
    }
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => basic(store, rest).await,
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => match api_key::read(rest.trim()) {
            Some((token, secret)) => ask(store, token, secret).await,
            None => bearer(store, rest),
        },
        _ => Err(refused()),
    }
}

/// Asks for a new session token for a session that goes on; `None` when there is none to be had now.
pub(crate) async fn renew(store: &Store, identity: &Identity) -> Option<(Secret, UnixMs)> {
    match store.verification().ask(&Question::Renew { token: identity.token }).await {
        Ok(Answer::Verified(verified)) => Some((verified.session_token, verified.expires_at)),
        Ok(_) | Err(_) => None,
    }
}

/// Whether what was verified still counts.
pub(crate) fn still_counts(hub: &Hub, identity: &Identity) -> bool {
    hub.store().directory().token_counts(identity.token, identity.generation)
}

/// Measures how soon a session has ended whose token no longer counts. To be asked once it has.
pub(crate) fn note_end(hub: &Hub, identity: &Identity) {
    let directory = hub.store().directory();
    if !still_counts(hub, identity)
        && let Some(changed_at) = directory.token_changed_at(identity.token)
    {
        hub.metrics().note_revoked(changed_at, clock::now());
    }
}

async fn basic(store: &Store, encoded: &str) -> Result<Identity, Status> {
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|b| String::from_utf8(b).ok()).map(Secret::from);
    let (key, secret) = decoded.as_ref().and_then(|d| d.expose().split_once(':')).ok_or_else(refused)?;
    verify(store, key, Secret::from(secret.to_owned())).await
}

/// Checks a token's key and secret, or an API key in the place of the secret.
///
/// # Errors
/// As [`admit`].
pub(crate) async fn verify(store: &Store, key: &str, secret: Secret) -> Result<Identity, Status> {
    let (token, secret) = api_key::pair(key, secret).ok_or_else(refused)?;
    ask(store, token, secret).await
}

async fn ask(store: &Store, token: TokenId, secret: Secret) -> Result<Identity, Status> {
    let question = Question::Verify { token, secret };
    match store.verification().ask(&question).await {
        Ok(Answer::Verified(verified)) => {
            let directory = store.directory();
            let still_counts = || directory.token_counts(verified.token, verified.generation);
            if !still_counts() {
                // `auth` may know of the token, or of a change to it, before this process does; or after it.
                directory.catch_up().await.map_err(|_| unchecked())?;
                if !still_counts() {
                    return Err(refused());
                }
            }
            Ok(Identity {
                account: verified.account,
                token: verified.token,
                generation: verified.generation,
                session_token: Some((verified.session_token, verified.expires_at)),
            })
        }
        Ok(Answer::Refused) => Err(refused()),
        Ok(Answer::Busy) => Err(Status::unavailable("too many sign-ins at once; try again")),
        Ok(_) => Err(unchecked()),
        Err(error) => {
            warn!(%error, "the credentials of an agent could not be checked");
            Err(unchecked())
        }
    }
}

fn bearer(store: &Store, presented: &str) -> Result<Identity, Status> {
    let now = clock::now().seconds();
    let signers = store.directory().signers();
    let claims = session::verify(presented.trim(), &signers, Audience::Dispatcher, now).map_err(|_| refused())?;
    if !store.directory().token_counts(claims.token, claims.generation) {
        return Err(refused());
    }
    Ok(Identity { account: claims.account, token: claims.token, generation: claims.generation, session_token: None })
}

fn unchecked() -> Status {
    Status::unavailable("credentials cannot be checked now")
}

fn refused() -> Status {
    Status::new(Code::Unauthenticated, "the credentials are not good")
}
