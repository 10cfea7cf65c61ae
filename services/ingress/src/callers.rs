//! Who may call the inputs of a bucket: user and password, or a bearer token.
//!
//! Only hashes are kept, and bcrypt is slow by design, so a credential that was right is remembered
//! in memory by a fingerprint that means nothing outside this process. The fingerprint is made with
//! the hash, so a changed password is another one. Wrong credentials are tried a few times a minute
//! from one network and then turned away without work.
//!
//! An input that does not exist demands nothing, so a 401 tells that one exists; whoever knows its id
//! knows that anyway, and the id cannot be guessed.

mod failures;

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crypto::Secret;
use crypto::fingerprint::{Fingerprint, Fingerprinter};
use model::record::{Bucket, CallerAuth};
use model::request::Request;
use tokio::sync::Semaphore;
use tokio::task;
use tokio::time::{Instant, timeout};
use tracing::error;

use failures::Failures;

/// How long a credential that was right needs no bcrypt.
const FRESH: Duration = Duration::from_secs(3600);
/// How many right credentials are remembered: each bucket has one at a time.
const RIGHT_MAX: usize = 16_384;
/// How long a caller waits for its turn to be verified.
const WAIT_MAX: Duration = Duration::from_secs(4);
/// How many callers may wait for it; more are told to come again.
const QUEUE_MAX: usize = 64;

/// Whether a caller may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Admitted,
    /// Its credential is missing or wrong.
    Refused,
    /// Too many are being verified; it shall come again.
    Busy,
}

/// Verifies callers. Clones share what they remember.
#[derive(Clone)]
pub(crate) struct Callers {
    inner: Arc<Inner>,
}

struct Inner {
    /// None without random bytes: then nothing is remembered.
    fingerprinter: Option<Fingerprinter>,
    right: Mutex<HashMap<Fingerprint, Instant>>,
    failures: Mutex<Failures>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// What a caller presents.
#[derive(Debug)]
pub(crate) struct Credential {
    user: Option<String>,
    secret: Secret,
}

impl Callers {
    pub(crate) fn new() -> Self {
        // One core is left for everything else.
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).saturating_sub(1).max(1);
        Self {
            inner: Arc::new(Inner {
                fingerprinter: Fingerprinter::new().ok(),
                right: Mutex::default(),
                failures: Mutex::new(Failures::new()),
                turns: Arc::new(Semaphore::new(workers)),
                places: Arc::new(Semaphore::new(workers + QUEUE_MAX)),
            }),
        }
    }

    /// Whether this caller may call the inputs of this bucket.
    pub(crate) async fn admit(&self, bucket: &Bucket, request: &Request, peer: IpAddr) -> Admission {
        let (user, hash) = match &bucket.auth {
            CallerAuth::None => return Admission::Admitted,
            CallerAuth::Basic { username, password_hash } => (Some(username), password_hash),
            CallerAuth::Bearer { token_hash } => (None, token_hash),
        };
        let Some(presented) = Credential::of(request, user.is_some()) else {
            return Admission::Refused;
        };
        let fingerprint = self.inner.fingerprint(hash, &presented);
        let is_user = presented.user.as_ref() == user;
        if is_user && fingerprint.is_some_and(|print| self.inner.recalls(print)) {
            return Admission::Admitted;
        }
        let now = Instant::now();
        if self.inner.failures().too_many(bucket.id, peer, now) {
            return Admission::Refused;
        }
        let (inner, id, hash) = (Arc::clone(&self.inner), bucket.id, hash.clone());
        let checked = self.inner.in_turn(move || {
            // Also for another user, whose name would otherwise be told by the time.
            let is_right = verify(&presented.secret, &hash) && is_user;
            match fingerprint.filter(|_| is_right) {
                Some(print) => inner.remember(print),
                None if is_right => {}
                None => inner.failures().count(id, peer, now),
            }
            is_right
        });
        match checked.await {
            None => Admission::Busy,
            Some(true) => Admission::Admitted,
            Some(false) => Admission::Refused,
        }
    }
}

impl Inner {
    fn fingerprint(&self, hash: &str, presented: &Credential) -> Option<Fingerprint> {
        self.fingerprinter.as_ref()?.fingerprint(hash, &presented.secret).ok()
    }

    fn recalls(&self, print: Fingerprint) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(&print).is_some_and(|since| since.elapsed() < FRESH)
    }

    fn remember(&self, print: Fingerprint) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= RIGHT_MAX {
            // Old passwords go first; if all are new, all are verified once more.
            right.retain(|_, since| since.elapsed() < FRESH / 2);
            if right.len() >= RIGHT_MAX {
                right.clear();
            }
        }
        right.insert(print, Instant::now());
    }

    /// Checks a credential when its turn comes; nothing when it does not come. What has begun keeps
    /// its turn to the end, and counts, also if the caller has gone.
    async fn in_turn(&self, check: impl FnOnce() -> bool + Send + 'static) -> Option<bool> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await.ok()?.ok()?;
        let checked = task::spawn_blocking(move || {
            let is_right = check();
            drop((turn, place));
            is_right
        });
        checked.await.ok()
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs bcrypt.
fn verify(secret: &Secret, hash: &str) -> bool {
    crypto::token::verify(secret, hash).unwrap_or_else(|error| {
        error!(%error, "the hash of a bucket's credential is damaged; its callers are refused");
        false
    })
}

impl Credential {
    /// Reads the one `Authorization` line (RFC 7617, RFC 6750); two are none.
    pub(crate) fn of(request: &Request, with_user: bool) -> Option<Self> {
        let mut lines = request.headers.iter().filter(|line| line.is("authorization"));
        let line = lines.next().filter(|_| lines.next().is_none())?;
        let (scheme, rest) = std::str::from_utf8(&line.value).ok()?.split_once(' ')?;
        let rest = rest.trim();
        match with_user {
            true if scheme.eq_ignore_ascii_case("basic") => {
                let decoded = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
                let (user, password) = decoded.split_once(':')?;
                Some(Self { user: Some(user.to_owned()), secret: Secret::from(password.to_owned()) })
            }
            false if scheme.eq_ignore_ascii_case("bearer") => {
                Some(Self { user: None, secret: Secret::from(rest.to_owned()) })
            }
            true | false => None,
        }
    }
}

#[cfg(test)]
mod tests;
