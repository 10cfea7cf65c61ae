//! Whether `nats-server` writes. After a write that failed, because its disk was full or broken, it
//! refuses the stream until it is started again, also when there is room by then.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use crypto::Secret;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::ask;

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long its answer is waited for.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// How it begins to say in its own words that a stream is refused after a failed write.
const WRITE_ERROR: &str = "write error";
/// With less room on its disk than this, in bytes, starting it again would change nothing.
const ROOM_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// First pause between two such starts; it doubles up to [`PAUSE_MAX`], for disks that are broken.
const PAUSE_MIN: Duration = Duration::from_secs(10);
/// Longest pause between two such starts.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// What `nats-server` says of its disk.
#[derive(Debug)]
pub(super) struct Disk {
    health: Url,
    address: SocketAddr,
    store: PathBuf,
    problem: watch::Sender<Option<String>>,
    /// Not started again for its disk before this.
    not_before: Option<Instant>,
    pause: Duration,
}

/// The answer, as far as we read it.
#[derive(Debug, Deserialize)]
struct Health {
    #[serde(default)]
    error: String,
}

impl Disk {
    /// Of the server that serves its health at this address below this secret path.
    pub(super) fn new(address: SocketAddr, path: &Secret, store: PathBuf) -> anyhow::Result<Self> {
        let health =
            format!("http://{address}/{}/healthz", path.expose()).parse().context("name the health of NATS")?;
        let problem = watch::Sender::new(None);
        Ok(Self { health, address, store, problem, not_before: None, pause: PAUSE_MIN })
    }

    /// What is wrong with the disk now, if anything is.
    pub(super) fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }

    /// Waits until only another start of `nats-server` makes it write again. Dropping the future
    /// loses nothing.
    pub(super) async fn until_start_helps(&mut self) {
        loop {
            tokio::time::sleep(ASK_EVERY).await;
            // One that does not answer is somebody else's trouble.
            let Ok(Ok(error)) = tokio::time::timeout(ANSWER_WAIT, self.ask()).await else { continue };
            let room = self.room_bytes();
            let problem = error.contains(WRITE_ERROR).then(|| said(&error, room));
            self.note(problem);
            let (now, has_problem) = (Instant::now(), self.problem.borrow().is_some());
            if has_problem && room >= ROOM_BYTES_MIN && self.not_before.is_none_or(|time| now >= time) {
                self.not_before = Some(now + self.pause);
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                return;
            }
            if !has_problem && self.not_before.is_some_and(|time| now >= time) {
                (self.not_before, self.pause) = (None, PAUSE_MIN);
            }
        }
    }

    fn note(&self, problem: Option<String>) {
        let changed = self.problem.borrow().is_some() != problem.is_some();
        match &problem {
            Some(problem) if changed => tracing::error!("{problem}"),
            None if changed => tracing::info!("nats-server writes again"),
            Some(_) | None => {}
        }
        self.problem.send_replace(problem);
    }

    async fn ask(&self) -> anyhow::Result<String> {
        let stream = TcpStream::connect(self.address).await?;
        let (_, body) = ask::get(stream, &self.health).await?;
        Ok(serde_json::from_slice::<Health>(&body)?.error)
    }

    /// How much may still be written, in bytes; as much as one likes where nobody says.
    fn room_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.store).map_or(u64::MAX, |of| of.f_bavail.saturating_mul(of.f_frsize))
    }
}

/// What is wrong in words for the operator: what `nats-server` said, without the path that it names.
fn said(error: &str, room: u64) -> String {
    let cause = error.rsplit(": ").next().unwrap_or(error);
    format!("nats-server does not write: {cause}; {} MiB are free", room / (1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_in_words() {
        let error = r"JetStream stream '$G > A' write error: write /d/msgs/4.blk: no space left on device";
        assert!(error.contains(WRITE_ERROR));
        let said = said(error, 3 * 1024 * 1024 + 5);
        assert_eq!(said, "nats-server does not write: no space left on device; 3 MiB are free");
    }
}
