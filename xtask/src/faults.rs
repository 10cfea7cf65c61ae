//! `cargo xtask faults`: the e2e fault rig.

use std::process::Command;

use crate::{steps, tools, workspace};

/// What is to go wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Break release builds. Comes first.
    #[arg(long)]
    release: bool,
    /// Arguments of the rig: `cargo xtask faults -- --help` shows them, `-- --list` the faults.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Builds and runs the rig.
///
/// # Errors
/// Where the build fails, or the rig finds that a webhook was lost.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let nats_server = tools::nats_server::find_or_fetch()?;
    let (profile, dir) = if args.release { ("release", "release") } else { ("dev", "debug") };
    let packages = ["--package", "server", "--package", "agent", "--package", "e2e"];
    steps::run(workspace::cargo().args(["build", "--bins", "--profile", profile]).args(packages))?;
    let mut faults = Command::new(workspace::target().join(dir).join("faults"));
    steps::run(faults.current_dir(workspace::root()).args(&args.args).env(workspace::NATS_SERVER, nats_server))
}
