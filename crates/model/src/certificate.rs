//! Certificates that are ordered for domains, and when they are.
//!
//! They are stored as JSON, sealed. As in [`crate::record`], a field that is added gets a default,
//! and a field's name is never used again for another meaning.

mod desk;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixMs;

pub use desk::{Desk, LEASE, ORDERS_MAX, ORDERS_PER_ACCOUNT_MAX, ORDERS_WINDOW, Order, Refusal};

/// The wait after an authority has said no for the first time. Public ones allow five failed
/// validations of a name in an hour; each further failure doubles the wait.
pub const REFUSED_WAIT: Duration = Duration::from_secs(15 * 60);
/// The wait after something else went wrong for the first time, such as the way to the authority.
pub const BROKEN_WAIT: Duration = Duration::from_secs(60);
/// The longest wait after a failure.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of what went wrong is kept, in bytes.
pub const FAILURE_BYTES_MAX: usize = 1024;

/// A certificate and its key, in PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// The host name that it is for, in lower case.
    pub name: String,
    /// The certificate and those between it and the authority.
    pub cert_pem: String,
    /// The private key.
    pub key_pem: String,
}

/// What answers the challenge by which an authority makes sure of a name (RFC 8737).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The host name, in lower case.
    pub name: String,
    /// The SHA-256 of the key authorization, which is public.
    pub digest: [u8; 32],
}

/// How it stands with the certificate for a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The host name, in lower case.
    pub name: String,
    /// When the certificate that is served ends; none before the first.
    pub valid_until: Option<UnixMs>,
    /// How often in a row it failed.
    pub failures: u32,
    /// What went wrong the last time, for the owner to read; none after a success.
    pub failure: Option<String>,
    /// When the next is ordered.
    pub next_at: UnixMs,
}

impl Standing {
    /// That of a domain without a certificate: one is ordered at once.
    pub fn new(name: String, now: UnixMs) -> Self {
        Self { name, valid_until: None, failures: 0, failure: None, next_at: now }
    }

    /// After a certificate was issued that is valid from then till then: the next is ordered when two
    /// thirds of its time are over.
    pub fn issued(name: String, from: UnixMs, until: UnixMs) -> Self {
        let next_at = from.plus(until.since(from) / 3 * 2);
        Self { name, valid_until: Some(until), failures: 0, failure: None, next_at }
    }

    /// After an order failed: it is tried again after this wait, which doubles each time. `random`,
    /// from 0 to 1, spreads what failed together.
    #[must_use]
    pub fn failed(self, text: &str, wait: Duration, now: UnixMs, random: f64) -> Self {
        let failures = self.failures.saturating_add(1);
        let doubled = wait.saturating_mul(1 << (failures - 1).min(16)).min(WAIT_MAX);
        let wait = doubled.mul_f64(1.0 + random.clamp(0.0, 1.0) / 4.0);
        let failure = text[..text.floor_char_boundary(FAILURE_BYTES_MAX)].to_owned();
        Self { failures, failure: Some(failure), next_at: now.plus(wait), ..self }
    }

    /// Whether it is time to order.
    pub fn is_due(&self, now: UnixMs) -> bool {
        self.next_at <= now
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
