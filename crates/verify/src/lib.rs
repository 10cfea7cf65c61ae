//! Signatures of webhooks, as their providers make them: which scheme whose webhook carries is a
//! row of a table.
//!
//! The cast, from the outside in:
//!
//! - [`Verifier`] is a scheme and the owner's secrets. It looks at a head, then at the body as it
//!   comes ([`Watch`]), and has a [`Verdict`]; a large body is never needed in memory.
//! - [`Provider`] names the providers; `table` has a row for each.
//! - `row` is the shape that nearly all schemes have; `odd` are the others.
//! - [`handshake`] is what some providers ask before they send anything, and [`delivery`] by what
//!   their second try is told.
//! - [`sign`] makes signatures in the form of Standard Webhooks.
//!
//! Everything is checked over the raw bytes, in constant time, with every secret that the owner has
//! at the moment. Nothing here calls out: a scheme that needs a certificate gets it from the owner.

mod verifier;

mod verdict;

mod provider;

mod table;

mod row;

mod odd;

pub mod handshake;

pub mod delivery;

pub mod sign;

mod template;

mod key;

mod mac;

mod encoding;

mod head;

mod json;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

pub use crate::head::Head;
pub use crate::key::InvalidSecret;
pub use crate::provider::{Provider, UnknownProvider};
pub use crate::template::InvalidTemplate;
pub use crate::verdict::{Reason, Verdict};
pub use crate::verifier::{InvalidSignature, SECRETS_MAX, Verifier, WHOLE_BYTES_MAX, Watch};

#[cfg(test)]
mod tests;
