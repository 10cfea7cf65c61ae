//! What is to go wrong.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::setting::Setting;

/// Breaks a relay under load and accounts for every webhook. Build it first: cargo build -p server -p agent
#[derive(Debug, Parser)]
#[command(name = "faults")]
pub(crate) struct Args {
    /// Decides the order of the faults and every choice within them.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How long it goes on, in minutes, over all settings together. A fault that has begun is finished.
    #[arg(long, default_value_t = 5)]
    minutes: u64,
    /// Only these faults; `--list` shows them.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Only in this setting.
    #[arg(long, value_enum)]
    pub(crate) on: Option<Setting>,
    /// Also faults that take minutes each.
    #[arg(long)]
    pub(crate) long: bool,
    /// A directory with `relay-server` and `relay` of an earlier version, to run beside this one;
    /// `cargo xtask faults --previous REV` builds it.
    #[arg(long)]
    pub(crate) previous: Option<PathBuf>,
    /// Writes the report into this file, between its marks.
    #[arg(long)]
    pub(crate) write: Option<PathBuf>,
    /// Copies what the programs logged into this directory, with a list of what came late.
    #[arg(long)]
    pub(crate) logs: Option<PathBuf>,
    /// Lists the faults and ends.
    #[arg(long)]
    pub(crate) list: bool,
}

impl Args {
    /// How long each of so many settings gets.
    pub(crate) fn span(&self, settings: usize) -> Duration {
        Duration::from_secs(self.minutes * 60) / u32::try_from(settings.max(1)).unwrap_or(u32::MAX)
    }

    /// The minutes that were asked for.
    pub(crate) fn minutes(&self) -> u64 {
        self.minutes
    }

    /// The command that does the same again.
    pub(crate) fn command(&self) -> String {
        let mut text = "cargo xtask faults".to_owned();
        if self.previous.is_some() {
            text += " --previous REV";
        }
        text += &format!(" --seed {} --minutes {}", self.seed, self.minutes);
        if !self.only.is_empty() {
            text += &format!(" --only {}", self.only.join(","));
        }
        if let Some(setting) = self.on {
            text += &format!(" --on {}", setting.name());
        }
        if self.long {
            text += " --long";
        }
        text
    }
}
