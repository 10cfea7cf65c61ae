//! `cargo xtask ci`: everything that must hold before a change goes in.

use crate::steps::{self, Steps};
use crate::{say, test, tools, up, workspace};

/// A fence may name a crate that does not use its right to pass.
const DENY: [&str; 6] = ["check", "--allow", "unused-wrapper", "bans", "licenses", "sources"];

/// Runs every check; the first that fails ends it.
///
/// # Errors
/// That of the first check that fails.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    let done = checks(&mut steps);
    say::line(format_args!("\n{}", steps.table()))?;
    done
}

fn checks(steps: &mut Steps) -> anyhow::Result<()> {
    let nats_server = steps.step("nats-server", tools::nats_server::find_or_fetch)?;
    steps.step("format", || steps::run(workspace::cargo().args(["fmt", "--all", "--check"])))?;
    steps.step("clippy", || {
        let mut clippy = workspace::cargo();
        steps::run(clippy.args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    steps.step("docs", || {
        let mut doc = workspace::cargo();
        steps::run(doc.args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let cargo_deny = steps.step("cargo-deny", tools::cargo_deny::find_or_build)?;
    steps.step("bans, licences, sources", || {
        let mut deny = std::process::Command::new(cargo_deny);
        steps::run(deny.current_dir(workspace::root()).args(DENY))
    })?;
    test::all(steps, &nats_server, None)?;
    steps.step("up --once", || up::smoke(&nats_server))
}
