//! A trial: a fault that needs a machine prepared for it, and so a relay of its own.

mod disk_full;
mod memory;
mod network;
mod power;
mod slow_disk;
mod traffic;

use anyhow::{Result, ensure};
use e2e::ledger::Balance;
use e2e::report::say;

use crate::args::Args;
use crate::fault::Need;

/// One trial.
pub(crate) struct Trial {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What happens, in a line of the report.
    pub(crate) what: &'static str,
    needs: &'static [Need],
    which: Which,
}

#[derive(Clone, Copy)]
enum Which {
    DiskFull,
    PowerOne,
    PowerThree,
    PowerFast,
    Memory,
    SlowDisk,
    Network,
}

/// How a trial ended.
pub(crate) struct Tried {
    pub(crate) trial: Trial,
    /// The figures; or why it was not run, or failed.
    pub(crate) result: Result<String, String>,
    pub(crate) failed: bool,
}

/// Every trial.
pub(crate) fn all() -> Vec<Trial> {
    let one = |name, what, which| Trial { name, what, needs: &[Need::Root], which };
    vec![
        one("disk-full", "the disk of a relay's own nats-server is full, and has room again", Which::DiskFull),
        one("power-one", "the machine of one nats-server loses power, `--durability always`", Which::PowerOne),
        one("power-three", "three nats-servers lose power at once, `--durability always`", Which::PowerThree),
        one("power-fast", "for comparison: one loses power, `--durability fast`", Which::PowerFast),
        one("memory", "an ingress that may take 256 MiB gets a hundred bodies of 10 MiB at once", Which::Memory),
        one("slow-disk", "the disk of a nats-server takes 5 writes a second for 20 s", Which::SlowDisk),
        one("network", "an agent behind 1 Mbit/s, whose cable is pulled for 30 s", Which::Network),
    ]
}

impl Trial {
    /// What it needs, in a line of the list.
    pub(crate) fn needs(&self) -> String {
        self.needs.iter().map(|need| need.text()).collect::<Vec<_>>().join(", ")
    }

    /// Runs it if it can be run here.
    pub(crate) async fn run(self, args: &Args) -> Tried {
        if let Some(why) = self.needs.iter().find_map(|need| need.missing(args)) {
            return Tried { trial: self, result: Err(format!("not run: {why}")), failed: false };
        }
        let result = Box::pin(self.which.run()).await.map_err(|error| format!("failed: {error:#}"));
        let (Ok(text) | Err(text)) = &result;
        say(&format!("{:<24} {text}", self.name));
        Tried { trial: self, failed: result.is_err(), result }
    }
}

impl Which {
    async fn run(self) -> Result<String> {
        match self {
            Self::DiskFull => disk_full::run().await,
            Self::PowerOne => power::one().await,
            Self::PowerThree => power::three().await,
            Self::PowerFast => power::fast().await,
            Self::Memory => memory::run().await,
            Self::SlowDisk => slow_disk::run().await,
            Self::Network => network::run().await,
        }
    }
}

/// The account of a trial in words. Its senders do not keep an order among each other.
///
/// # Errors
/// When something was lost.
fn account(balance: &Balance) -> Result<String> {
    let Balance { accepted, not_accepted, lost, duplicates, .. } = balance;
    ensure!(lost.is_empty(), "of {accepted} accepted were lost {lost:?}");
    Ok(format!("accepted {accepted}, lost 0, duplicates {duplicates}, not accepted {not_accepted}"))
}
