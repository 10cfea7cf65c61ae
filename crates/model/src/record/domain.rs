//! Host names that an account's inputs answer to.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, DomainId};
use crate::time::UnixMs;

/// A host name of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Its id.
    pub id: DomainId,
    /// Whose it is.
    pub account: AccountId,
    /// The name, in lower case; no two accounts have the same.
    pub domain: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}
