//! A trial: a fault that needs a machine prepared for it, and so a relay of its own.

mod bits;
mod disk_full;
mod memory;
mod network;
mod partition;
mod power;
mod slow_disk;
mod straight;
mod traffic;

use anyhow::{Result, ensure};
use e2e::ledger::Balance;
use e2e::report::say;
use futures_util::FutureExt;

use crate::args::Args;
use crate::fault::Need;

/// One trial.
pub(crate) struct Trial {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What happens, in a line of the report.
    pub(crate) what: &'static str,
    pub(crate) needs: &'static [Need],
    which: Which,
}

#[derive(Clone, Copy)]
enum Which {
    DiskFull,
    DiskFullOneOfThree,
    PowerOne,
    PowerOneOfThree,
    PowerThree,
    PowerFast,
    PartitionOne,
    BitsOfThree,
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
#[rustfmt::skip] // One a line.
pub(crate) fn all() -> Vec<Trial> {
    let rooted = |name, what, which| Trial { name, what, needs: &[Need::Root], which };
    vec![
        rooted("disk-full", "the disk of a relay's own nats-server is full, and has room again", Which::DiskFull),
        rooted("disk-full-one-of-three", "the disk of the one of three nats-servers that leads every stream is full for 20 s", Which::DiskFullOneOfThree),
        rooted("power-one", "the machine of one nats-server loses power, `--durability always`", Which::PowerOne),
        rooted("power-one-of-three", "the machine of the one of three nats-servers that leads every stream loses power, `--durability always`", Which::PowerOneOfThree),
        rooted("power-three", "three nats-servers lose power at once, `--durability always`", Which::PowerThree),
        rooted("power-fast", "for comparison: one loses power, `--durability fast`", Which::PowerFast),
        rooted("partition-one", "the cable of the one of three nats-servers that leads every stream is pulled for 20 s: neither the others nor clients reach it", Which::PartitionOne),
        Trial { name: "bits-of-three", what: "a bit flips in an event on the disk of one of three nats-servers, while it is stopped", needs: &[], which: Which::BitsOfThree },
        rooted("memory", "an ingress that may take 256 MiB gets a hundred bodies of 10 MiB at once", Which::Memory),
        rooted("slow-disk", "the disk of a nats-server takes 5 writes a second for 20 s", Which::SlowDisk),
        rooted("network", "an agent behind 1 Mbit/s, whose cable is pulled for 30 s", Which::Network),
    ]
}

impl Trial {
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
            Self::DiskFull => disk_full::run().boxed_local(),
            Self::DiskFullOneOfThree => disk_full::one_of_three().boxed_local(),
            Self::PowerOne => power::one().boxed_local(),
            Self::PowerOneOfThree => power::one_of_three().boxed_local(),
            Self::PowerThree => power::three().boxed_local(),
            Self::PowerFast => power::fast().boxed_local(),
            Self::PartitionOne => partition::one().boxed_local(),
            Self::BitsOfThree => bits::of_three().boxed_local(),
            Self::Memory => memory::run().boxed_local(),
            Self::SlowDisk => slow_disk::run().boxed_local(),
            Self::Network => network::run().boxed_local(),
        }
        .await
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
