//! Inputs: what callers reach, what is demanded of them and what they are answered.

use serde::{Deserialize, Serialize};

use super::signature::Signature;
use crate::id::{AccountId, BucketId, InputId, OutputId};
use crate::time::UnixMs;

/// The largest static answer of an input, in bytes.
pub const ANSWER_BYTES_MAX: usize = 250 * 1024;
/// How long a caller waits for a destination's answer unless the input says otherwise, in seconds.
pub const WAIT_SECONDS_DEFAULT: u32 = 10;
/// The longest that a caller may be made to wait for a destination's answer, in seconds.
pub const WAIT_SECONDS_MAX: u32 = 60;

/// A public endpoint of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its id, the last part of its URL.
    pub id: InputId,
    /// Whose it is.
    pub account: AccountId,
    /// The bucket it belongs to.
    pub bucket: BucketId,
    /// Its name, unique in the bucket; free text for the one that is made with a bucket.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The answer to every caller instead of the plain 200.
    #[serde(default)]
    pub answer: Answer,
    /// Makes the caller wait for what a destination answers.
    #[serde(default)]
    pub wait: Option<Wait>,
    /// The provider's signature that is demanded of callers.
    #[serde(default)]
    pub signature: Option<Signature>,
    /// By what a sender's second try is recognised, and folded into the first.
    #[serde(default)]
    pub deduplicate: Option<Deduplicate>,
    /// The host name that the input also answers to, one of the account's domains; empty for none.
    #[serde(default)]
    pub custom_domain: String,
    /// The beginning of the paths that it answers to on that host; empty for all.
    #[serde(default)]
    pub path_prefix: String,
    /// Whether that beginning is left out of the extra path.
    #[serde(default)]
    pub strip_path_prefix: bool,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

/// A static answer to callers. The default is 200 without headers or body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status; 0 means 200.
    #[serde(default)]
    pub status: u16,
    /// Headers, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body; at most [`ANSWER_BYTES_MAX`] bytes.
    #[serde(default)]
    pub body: String,
}

impl Input {
    /// An input of a bucket with everything else as it is by default.
    pub fn new(id: InputId, account: AccountId, bucket: BucketId, name: String, now: UnixMs) -> Self {
        Self {
            id,
            account,
            bucket,
            name,
            description: String::new(),
            answer: Answer::default(),
            wait: None,
            signature: None,
            deduplicate: None,
            custom_domain: String::new(),
            path_prefix: String::new(),
            strip_path_prefix: false,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A caller waits for what a destination answers, and gets that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Whose answer.
    pub answer_from: AnswerFrom,
    /// How long, in seconds; 0 means [`WAIT_SECONDS_DEFAULT`]. At most [`WAIT_SECONDS_MAX`].
    #[serde(default)]
    pub seconds: u32,
    /// What the caller gets when no answer came in time; without it the input's own answer.
    #[serde(default)]
    pub fallback: Option<Answer>,
}

/// Whose answer a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFrom {
    /// The first that comes.
    AnyOutput,
    /// That of one output.
    Output(OutputId),
}

/// By what a sender's second try is recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deduplicate {
    /// The delivery id of the input's provider.
    Provider,
    /// The value of a header.
    Header(String),
}
