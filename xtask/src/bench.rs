//! `cargo xtask bench`: the e2e bench against release builds.

use std::process::Command;

use crate::{steps, tools, workspace};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Arguments of the bench; `--help` shows them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Builds the release profile and runs the bench.
///
/// # Errors
/// Where the build or the bench fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let nats_server = tools::nats_server::find_or_fetch()?;
    let packages = ["--package", "server", "--package", "agent", "--package", "e2e"];
    steps::run(workspace::cargo().args(["build", "--release", "--bins"]).args(packages))?;
    let mut bench = Command::new(workspace::target().join("release").join("bench"));
    steps::run(bench.current_dir(workspace::root()).args(&args.args).env(workspace::NATS_SERVER, nats_server))
}
