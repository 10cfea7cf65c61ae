//! How to reach NATS, and how much is asked of it.

use std::path::PathBuf;
use std::time::Duration;

use crypto::Secret;

/// How many streams events and facts are spread over unless told otherwise: with every write
/// flushed to disk, writes to different streams are flushed side by side.
pub const SHARDS_DEFAULT: u16 = 16;
/// The most shards: each is two streams that every server of a cluster keeps track of.
pub const SHARDS_MAX: u16 = 256;
/// How long events and facts are kept unless told otherwise.
pub const RETENTION_DEFAULT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How much memory ephemeral events may take unless told otherwise, in bytes.
pub const EPHEMERAL_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;

/// How to reach NATS, and what to create there.
#[derive(Clone, Debug)]
pub struct Options {
    /// Server URLs, `nats://host:port` or `tls://host:port`, without credentials.
    pub servers: Vec<String>,
    /// The user and password of this process.
    pub credentials: Option<(String, Secret)>,
    /// Certificates to trust besides the system's, in PEM; its presence requires TLS.
    pub ca_file: Option<PathBuf>,
    /// Names this process among the clients of NATS and in its reply subjects; letters, digits, `-`.
    pub client_name: String,
    /// Whether this process creates the streams; the others wait for them.
    pub provision: bool,
    /// Whether this process tends the data keys of buckets: see [`crate::keyring::tend`].
    pub tend_keys: bool,
    /// After which time a bucket's data key is followed by another, if ever.
    pub key_age_max: Option<Duration>,
    /// How many streams events and facts are spread over, 1 to [`SHARDS_MAX`].
    ///
    /// It must be the same for every process, and never change while events are kept.
    pub shards: u16,
    /// On how many servers each message is kept: 1, 3 or 5.
    pub replicas: usize,
    /// How long events and facts are kept.
    pub retention: Duration,
    /// How much memory ephemeral events may take, in bytes.
    pub ephemeral_bytes_max: u64,
}

impl Options {
    /// The defaults for a server at this URL.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            servers: vec![server.into()],
            credentials: None,
            ca_file: None,
            client_name: "relay".to_owned(),
            provision: true,
            tend_keys: false,
            key_age_max: None,
            shards: SHARDS_DEFAULT,
            replicas: 1,
            retention: RETENTION_DEFAULT,
            ephemeral_bytes_max: EPHEMERAL_BYTES_DEFAULT,
        }
    }
}
