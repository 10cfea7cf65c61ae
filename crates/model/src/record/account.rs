//! Accounts.

use serde::{Deserialize, Serialize};

use crate::id::AccountId;
use crate::time::UnixMs;

/// A tenant; owns everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// When it was made.
    pub created_at: UnixMs,
}
