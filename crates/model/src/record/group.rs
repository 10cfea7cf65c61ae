//! Groups of agents.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, BucketId, GroupId, OutputId};
use crate::time::UnixMs;

/// A group that has attached to an output at least once; its deliveries are owed from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The output.
    pub output: OutputId,
    /// The output's bucket.
    pub bucket: BucketId,
    /// The account.
    pub account: AccountId,
    /// The name given by `--group`, or the token's id.
    pub name: String,
    /// When it first attached.
    pub created_at: UnixMs,
    /// When agents of it were last seen, to within a day; `None` where an earlier version did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<UnixMs>,
}
