//! Outputs: where events go, and how hard is tried.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::policy::{Circuit, Durability, Order, Paused, Throttle};
use super::signature::SigningSecret;
use super::yes;
use crate::id::{AccountId, BucketId, OutputId};
use crate::rules::Rules;
use crate::time::UnixMs;

/// How long an attempt may take unless the output says otherwise, in seconds.
pub const TIMEOUT_SECONDS_DEFAULT: u32 = 30;
/// The longest timeout of an output, in seconds.
pub const TIMEOUT_SECONDS_MAX: u32 = 180;

/// Where a bucket's events go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its id.
    pub id: OutputId,
    /// Whose it is.
    pub account: AccountId,
    /// The bucket whose events it gets.
    pub bucket: BucketId,
    /// Its name, unique in the bucket.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The URL that is called.
    pub destination: String,
    /// Called by an agent (true) or by the dispatcher (false).
    #[serde(default)]
    pub internal: bool,
    /// Gets nothing while set.
    #[serde(default)]
    pub disabled: bool,
    /// Calls exactly the destination: the caller's extra path and query are left out.
    #[serde(default)]
    pub lock_path: bool,
    /// How long an attempt may take, in seconds; 0 means [`TIMEOUT_SECONDS_DEFAULT`].
    #[serde(default)]
    pub timeout_seconds: u32,
    /// 0: try again while the window lasts, or twice when public; n: at most n further attempts; -1: none.
    #[serde(default)]
    pub retries: i32,
    /// Whether the destination's certificate is verified.
    #[serde(default = "yes")]
    pub tls_verification: bool,
    /// Headers that replace those of the caller, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Which events it wants; without rules it wants all.
    #[serde(default)]
    pub rules: Option<Rules>,
    /// Keeps trying for longer than the window.
    #[serde(default)]
    pub durability: Durability,
    /// How fast, or how many at once, attempts may begin.
    #[serde(default)]
    pub throttle: Throttle,
    /// Which deliveries wait for which.
    #[serde(default)]
    pub order: Order,
    /// When an output that fails is left alone for a while.
    #[serde(default)]
    pub circuit: Circuit,
    /// What is sent again is signed with this when its owner asks for it.
    #[serde(default)]
    pub resign_secret: Option<SigningSecret>,
    /// Set while nothing is delivered because it failed for too long; its owner sets it free.
    #[serde(default)]
    pub paused: Option<Paused>,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it was last changed.
    pub updated_at: UnixMs,
}

impl Output {
    /// An output with everything else as it is by default: public, and neither throttled nor durable.
    pub fn new(
        id: OutputId,
        account: AccountId,
        bucket: BucketId,
        name: String,
        destination: String,
        now: UnixMs,
    ) -> Self {
        Self {
            id,
            account,
            bucket,
            name,
            description: String::new(),
            destination,
            internal: false,
            disabled: false,
            lock_path: false,
            timeout_seconds: 0,
            retries: 0,
            tls_verification: true,
            headers: Vec::new(),
            rules: None,
            durability: Durability::default(),
            throttle: Throttle::default(),
            order: Order::default(),
            circuit: Circuit::default(),
            resign_secret: None,
            paused: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// What stands for the output of a bucket that has none; see [`OutputId::NONE`].
    pub fn none(bucket: &Bucket) -> Self {
        let (name, destination) = (String::new(), String::new());
        let new = Self::new(OutputId::NONE, bucket.account, bucket.id, name, destination, bucket.created_at);
        Self { internal: true, ..new }
    }

    /// How long an attempt may take.
    pub fn timeout(&self) -> Duration {
        let seconds = match self.timeout_seconds {
            0 => TIMEOUT_SECONDS_DEFAULT,
            n => n.min(TIMEOUT_SECONDS_MAX),
        };
        Duration::from_secs(seconds.into())
    }
}
