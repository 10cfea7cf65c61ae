//! Everything that keeps a secret: sealing, keys, token secrets and session tokens.
//!
//! The cast, from the outside in:
//!
//! - [`secret::Secret`] is text that does not print.
//! - [`key`] holds the hierarchy: a master key wraps one data key per scope (a bucket, or the
//!   system itself) and epoch. Destroying a wrapped data key destroys what it sealed.
//! - [`seal`] turns bytes into an envelope under a data key and back. Every envelope has its own
//!   key, derived from the data key and 32 random bytes, so there is no nonce to count.
//! - [`token`] makes, hashes and checks the secrets of tokens (bcrypt: slow, blocking).
//! - [`api_key`] is a token's key and secret in one text.
//! - [`fingerprint`] names a presented secret inside one process, so that a verification can be
//!   remembered without remembering the secret.
//! - [`pseudonym`] names what outsiders wrote where no text of theirs may stand.
//! - [`session`] signs and checks the short-lived tokens that stand for a verified secret.
//!
//! Nothing in here reads a clock, a file or the network; time is an argument, and the only outside
//! source is the operating system's random number generator.

pub mod secret;

pub mod key;

pub mod seal;

pub mod token;

pub mod api_key;

pub mod fingerprint;

pub mod pseudonym;

pub mod session;

mod encoding;
mod error;
mod random;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;

pub use error::Error;
pub use secret::Secret;
