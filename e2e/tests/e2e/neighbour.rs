//! Somebody who goes on sending webhooks while others misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use e2e::Server;
use e2e::process::resident_bytes;
use model::InputId;
use tokio::task::JoinHandle;

/// How much the memory of a server may grow while it is flooded, in bytes: some buffers, and no
/// copy of what is sent. The floods of one test are far larger together.
pub(crate) const GROWTH_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Sends webhooks one after the other until told to stop.
pub(crate) struct Neighbour {
    enough: Arc<AtomicBool>,
    sending: JoinHandle<Result<Seen>>,
    before: u64,
}

/// What it has seen.
struct Seen {
    accepted: usize,
    resident_bytes_max: u64,
}

impl Neighbour {
    /// Begins to send to this input.
    pub(crate) async fn of(server: &Server, input: InputId) -> Result<Self> {
        let mut caller = server.caller();
        // What the first webhook needs is no growth.
        ensure!(caller.post(input, b"0").await?.status == 200);
        let before = server.process().resident_bytes()?;
        let id = server.process().id().unwrap_or_default();
        let enough = Arc::<AtomicBool>::default();
        let heard = enough.clone();
        let sending = tokio::spawn(async move {
            let mut seen = Seen { accepted: 1, resident_bytes_max: 0 };
            while !heard.load(Ordering::Relaxed) || seen.accepted == 1 {
                let answer = caller.post(input, b"0").await?;
                ensure!(answer.status == 200, "a neighbour was answered {}", answer.head);
                seen.accepted += 1;
                seen.resident_bytes_max = seen.resident_bytes_max.max(resident_bytes(id)?);
            }
            Ok(seen)
        });
        Ok(Self { enough, sending, before })
    }

    /// Stops it. Every webhook was taken, and memory has stayed within [`GROWTH_BYTES_MAX`]. Returns
    /// how many it has sent.
    pub(crate) async fn was_unharmed(self) -> Result<usize> {
        self.enough.store(true, Ordering::Relaxed);
        let seen = self.sending.await??;
        let growth = seen.resident_bytes_max.saturating_sub(self.before);
        ensure!(growth < GROWTH_BYTES_MAX, "the server has grown by {} KiB", growth / 1024);
        Ok(seen.accepted)
    }
}
