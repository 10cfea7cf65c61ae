//! Whether a secret is the one of a token.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crypto::Secret;
use crypto::fingerprint::{Fingerprint, Fingerprinter};
use model::TokenId;
use model::record::Token;
use store::Store;

use crate::Error;
use crate::budget::{Asker, Budget};
use crate::failures::Failures;
use crate::flight::Flights;
use crate::memory::{Memory, Recollection, Standing};

/// How often a secret is checked again because the token's record changed while bcrypt ran. A token
/// that was made a moment ago by another copy may reach our directory only then.
const CHANGES_FOLLOWED: usize = 2;

/// Checks secrets, and remembers what it found.
pub(crate) struct Verifier {
    store: Store,
    fingerprinter: Fingerprinter,
    budget: Budget,
    flights: Flights,
    lately: Mutex<Lately>,
}

/// What happened lately.
struct Lately {
    memory: Memory,
    failures: Failures,
}

/// What to do with a secret, from what is remembered alone.
enum Next {
    Right,
    Wrong,
    TurnAway,
    Check(Asker),
}

impl Verifier {
    /// Lets bcrypt run `workers` times at once.
    pub(crate) fn new(store: Store, workers: NonZeroUsize) -> Result<Self, Error> {
        Ok(Self {
            store,
            fingerprinter: Fingerprinter::new()?,
            budget: Budget::new(workers),
            flights: Flights::default(),
            lately: Mutex::new(Lately { memory: Memory::new(), failures: Failures::new() }),
        })
    }

    /// The turns on the blocking pool, for what else is hashed.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Returns the record of the token if it is active and this is its secret, `None` otherwise; how
    /// long that takes does not tell whether the token exists. Fails with [`Error::Busy`] if too
    /// much is being checked, or this key was tried too often.
    pub(crate) async fn verify(&self, key: TokenId, secret: &Secret) -> Result<Option<Arc<Token>>, Error> {
        let fingerprint = self.fingerprinter.fingerprint(&key.to_string(), secret)?;
        if let Some(known) = self.known(key, fingerprint)? {
            return Ok(known);
        }
        let _flight = self.flights.enter(fingerprint).await?;
        for _ in 0..CHANGES_FOLLOWED {
            // Whoever was in flight before has left the result in memory.
            if let Some(known) = self.known(key, fingerprint)? {
                return Ok(known);
            }
            self.check(key, secret, fingerprint).await?;
        }
        self.known(key, fingerprint)?.ok_or(Error::Busy)
    }

    /// The answer that is remembered, if any.
    fn known(&self, key: TokenId, secret: Fingerprint) -> Result<Option<Option<Arc<Token>>>, Error> {
        let token = self.active(key);
        match self.next(key, standing_of(token.as_deref()), secret) {
            Next::Right => Ok(Some(token)),
            Next::Wrong => Ok(Some(None)),
            Next::TurnAway => Err(Error::Busy),
            Next::Check(_) => Ok(None),
        }
    }

    /// Runs bcrypt, and remembers what it said about the token as it was before.
    async fn check(&self, key: TokenId, secret: &Secret, fingerprint: Fingerprint) -> Result<(), Error> {
        // The token may have been made, or activated, a moment ago.
        self.store.directory().catch_up().await?;
        let standing = standing_of(self.active(key).as_deref());
        let Next::Check(asker) = self.next(key, standing, fingerprint) else {
            return Ok(());
        };
        let place = self.budget.place(asker)?;
        // Also read for keys that do not exist, which takes as long and finds nothing.
        let hash = self.store.credentials().hash(key).await?;
        let secret = secret.clone();
        let bcrypt = move || match (standing, hash) {
            (Standing::Active(_), Some(hash)) => crypto::token::verify(&secret, &hash),
            (Standing::Active(_) | Standing::Unusable, _) => crypto::token::verify_nobody(&secret).map(|()| false),
        };
        let right = self.budget.run(place, bcrypt).await??;
        self.remember(key, standing, fingerprint, right);
        Ok(())
    }

    fn next(&self, key: TokenId, standing: Standing, secret: Fingerprint) -> Next {
        let now = Instant::now();
        let mut lately = self.lately();
        match lately.memory.recall(secret, standing, now) {
            Recollection::Right => Next::Right,
            Recollection::Wrong => Next::Wrong,
            // The wrong tries of others do not keep out a secret that was right.
            Recollection::WasRight => Next::Check(Asker::Known),
            Recollection::Nothing if lately.failures.too_many(key, now) => Next::TurnAway,
            Recollection::Nothing => Next::Check(Asker::Stranger),
        }
    }

    fn remember(&self, key: TokenId, standing: Standing, secret: Fingerprint, right: bool) {
        let now = Instant::now();
        let mut lately = self.lately();
        match (right, standing) {
            (true, Standing::Active(generation)) => lately.memory.remember_right(secret, generation, now),
            (false, _) | (true, Standing::Unusable) => {
                lately.memory.remember_wrong(secret, standing, now);
                lately.failures.count(key, now);
            }
        }
    }

    fn active(&self, key: TokenId) -> Option<Arc<Token>> {
        let token = self.store.directory().token(key)?.record;
        token.active.then_some(token)
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn standing_of(token: Option<&Token>) -> Standing {
    token.map_or(Standing::Unusable, |token| Standing::Active(token.generation))
}
