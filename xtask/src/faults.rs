//! `cargo xtask faults`: the e2e fault rig.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{steps, tools, workspace};

/// What is to go wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Break release builds. This and `--previous` come before all others.
    #[arg(long)]
    release: bool,
    /// Build this revision too, for the fault in which it runs beside this version.
    #[arg(long, value_name = "REV")]
    previous: Option<String>,
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
    if let Some(revision) = &args.previous {
        faults.arg("--previous").arg(build(revision, profile)?.join(dir));
    }
    steps::run(faults.current_dir(workspace::root()).args(&args.args).env(workspace::NATS_SERVER, nats_server))
}

/// Builds the programs of a revision in a worktree of its own; returns their target directory.
fn build(revision: &str, profile: &str) -> anyhow::Result<PathBuf> {
    let source = workspace::target().join("previous").join("source");
    // In that worktree, what is told from HEAD would be another revision.
    let commit = format!("{revision}^{{commit}}");
    let commit = steps::read(git(&workspace::root()).args(["rev-parse", "--verify", "--end-of-options", &commit]))?;
    let commit = commit.trim();
    if source.join(".git").exists() {
        steps::run(git(&source).args(["checkout", "--quiet", "--detach", commit]))?;
    } else {
        // Forced: `cargo clean` may have taken away one that git still knows of.
        let add = ["worktree", "add", "--force", "--quiet", "--detach"];
        steps::run(git(&workspace::root()).args(add).arg(&source).arg(commit))?;
    }
    let target = workspace::target().join("previous").join("target");
    let mut cargo = workspace::cargo();
    cargo.current_dir(&source).env("CARGO_TARGET_DIR", &target);
    steps::run(cargo.args(["build", "--bins", "--profile", profile, "--package", "server", "--package", "agent"]))?;
    Ok(target)
}

fn git(dir: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(dir);
    git
}
